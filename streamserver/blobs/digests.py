"""What bytes are known by, while they are still coming."""

import hashlib
import os
import threading
import time

from streamserver.blobs.filling import QUANTUM_SECONDS, STEP_BYTES


class Digest:
    """The SHA-256 of the first bytes of a file; for any thread."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._position = 0
        self._sha256 = hashlib.sha256()

    def restart(self, size_bytes: int) -> None:
        """Begin anew where the file has become shorter than what was taken in."""
        with self._turn:
            if self._position > size_bytes:
                self._position, self._sha256 = 0, hashlib.sha256()

    def take_in(self, position: int, chunk: memoryview) -> None:
        """Go on with bytes of the file, if it is they that are missing."""
        with self._turn:
            if position == self._position:
                self._sha256.update(chunk)
                self._position += len(chunk)

    def follow(self, descriptor: int, size_bytes: int) -> bool:
        """Go on with what lies in the file, up to a length, for a quantum of time; tell whether more is missing.

        After a restart of the server that can be all of it, and take long.
        """
        is_over_at = time.monotonic() + QUANTUM_SECONDS
        with self._turn:
            while self._position < size_bytes:
                chunk = os.pread(descriptor, min(STEP_BYTES, size_bytes - self._position), self._position)
                if not chunk:
                    break
                self._sha256.update(chunk)
                self._position += len(chunk)
                if time.monotonic() >= is_over_at:
                    return True
            return False

    def hexdigest(self) -> str:
        """Return it as it is by now."""
        with self._turn:
            return self._sha256.hexdigest()
