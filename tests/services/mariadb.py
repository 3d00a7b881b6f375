"""A private MariaDB, reached through a socket file."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from tests.facts import missing

PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
AS_ROOT = ["--user=root"] if os.geteuid() == 0 else []
SMALL = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"]
QUICK = ["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--skip-networking", "--log-warnings=0"]


class MariaDB:
    """A server of our own. Its user is root, without a password."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "socket"
        self._data = folder / "data"
        self._process: subprocess.Popen[str] | None = None
        subprocess.run(
            [
                _program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self._data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                *AS_ROOT,
                *SMALL,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def process_id(self) -> int:
        """Of the server while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return once the server answers."""
        where = [f"--datadir={self._data}", f"--socket={self.socket}"]
        self._process = subprocess.Popen(
            [_program("mariadbd"), "--no-defaults", *where, *AS_ROOT, *SMALL, *QUICK],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if "ready for connections" in line:
                break
        else:
            pytest.fail("MariaDB did not start:\n" + "".join(said))
        Thread(target=self._process.stderr.read, daemon=True).start()  # or it would block on a full pipe

    def stop(self) -> None:
        """End the server in order, so that it can be started again."""
        if self._process is not None:
            with self._process:
                self._process.terminate()
            self._process = None

    def execute(self, statements: str) -> str:
        """Carry out SQL as the server's own client does; return the rows, a line each."""
        client = [
            _program("mariadb"),
            "--no-defaults",
            f"--socket={self.socket}",
            "--user=root",
            "--skip-column-names",
        ]
        done = subprocess.run(client, input=statements, check=True, capture_output=True, text=True)
        return done.stdout

    def url(self, database: str) -> str:
        """Return the address of a database for `open_catalog`."""
        return f"mysql://root@/{database}?unix_socket={self.socket}"

    def create_database(self, name: str) -> str:
        """Make an empty database, in place of the one that may be there, and return its address."""
        self.execute(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}")
        return self.url(name)


def _program(name: str) -> str:
    return shutil.which(name, path=PROGRAMS) or missing(f"{name} is not installed: apt install mariadb-server")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """Give the one MariaDB of this run, which runs."""
    # Not pytest's own folder: the path of a socket may be no longer than 107 bytes.
    with TemporaryDirectory(prefix="mariadb-") as folder:
        server = MariaDB(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
