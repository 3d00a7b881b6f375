"""A writer in a process of its own, led by lines on its standard input; run with the folder of a `LocalBlobs`.

`write` begins a draft and writes, `keep KEY` keeps it, `sweep` removes what nobody knows, `end` leaves the draft.
Each is answered by a line once it is done.
"""

import asyncio
import sys
from pathlib import Path

from streamserver.blobs.local import LocalBlobs

CONTENT = b"content" * 300_000


async def unknown(_folder: str) -> bool:
    return False


async def main(root: str) -> None:
    blobs = LocalBlobs(Path(root))
    async with blobs.draft() as draft:
        for line in sys.stdin:
            match line.split():
                case ["write"]:
                    await draft.write(CONTENT)
                case ["keep", key]:
                    await draft.keep(key)
                case ["sweep"]:
                    await blobs.sweep(unknown)
                case _:
                    break
            print("done", flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
