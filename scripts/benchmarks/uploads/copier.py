"""The least that anyone can do with a stream: from a socket into a file, then to the disk.

    python -m benchmarks.uploads.copier PORT FOLDER

Each connection is copied until its sender ends it, and is answered by one byte once all of it is durable.
"""

import os
import socket
import sys
import threading
from pathlib import Path

CHUNK_BYTES = 1024 * 1024
ANSWER = b"."


def main(port: int, folder: Path) -> None:
    """Copy whatever comes, until somebody ends this process."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        for number in range(sys.maxsize):
            connection, _ = listener.accept()
            threading.Thread(target=_copy, args=(connection, folder / f"copy-{number}"), daemon=True).start()


def _copy(connection: socket.socket, target: Path) -> None:
    chunk = memoryview(bytearray(CHUNK_BYTES))
    with connection, target.open("xb", buffering=0) as file:
        while count := connection.recv_into(chunk):
            _write(file.fileno(), chunk[:count])
        os.fsync(file.fileno())
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        connection.sendall(ANSWER)


def _write(descriptor: int, chunk: memoryview) -> None:
    while chunk:
        chunk = chunk[os.write(descriptor, chunk) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
