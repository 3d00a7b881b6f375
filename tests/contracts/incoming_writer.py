"""A writer in a process of its own, led by lines on its standard input; run with a folder and a name.

`write` adds bytes, `sync` makes them durable, `end` lets go. Each is answered by a line once it is done.
"""

import asyncio
import sys
from pathlib import Path

from streamserver.blobs.local import LocalBlobs

CONTENT = bytes(range(256)) * 8_192


async def main(root: str, name: str) -> None:
    blobs = LocalBlobs(Path(root))
    async with blobs.incoming(name) as incoming:
        print("held", flush=True)  # noqa: T201 - the answer
        for line in sys.stdin:
            match line.split():
                case ["write"]:
                    await incoming.write(CONTENT)
                case ["sync"]:
                    await incoming.sync()
                case _:
                    break
            print("done", flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
