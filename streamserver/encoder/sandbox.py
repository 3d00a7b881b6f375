"""Where ffmpeg and ffprobe work: with no network, and of the file system only the video at hand.

What they are fed was made by strangers, and decoders have faults. So they run in the strongest sandbox that this
machine allows; which one that is, is found out by trying.
"""

import asyncio
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from streamserver.encoder.limits import Budget, Limits
from streamserver.encoder.process import Confinement, running
from streamserver.errors import SettingsError

SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
"""What a program that is not static needs."""
DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
BWRAP = (
    "--die-with-parent",
    # The program is the first process, so that its end is that of the sandbox and nothing is left to be reaped.
    "--as-pid-1",
    # Network, processes, IPC, users, host name, control groups: it shares none with this machine.
    "--unshare-all",
    *("--cap-drop", "ALL"),
    *("--dev", "/dev"),
)
TRY_SECONDS = 20
OUTPUT_BYTES = 1024 * 1024
ELF_64 = b"\x7fELF\x02\x01"
INTERPRETER = struct.pack("<I", 3)
"""The kind of a program's part that names what loads its libraries."""


class Kind(StrEnum):
    """How much is kept from an encoder."""

    BUBBLEWRAP = "bubblewrap"
    """Namespaces of its own (bwrap(1))."""
    LANDLOCK = "Landlock"
    """It sees the machine, and may touch nothing of it (landlock(7), seccomp(2))."""
    FILTER = "a system call filter"
    """It may read what the server may, and can send nothing."""
    LIMITS = "limits"
    """It may do what the server may, within bounds."""


BOUNDS = {
    Kind.BUBBLEWRAP: (),
    Kind.LANDLOCK: ("no-new-privileges=", "landlock=", "no-sockets="),
    Kind.FILTER: ("no-new-privileges=", "no-sockets="),
    Kind.LIMITS: ("no-new-privileges=",),
}
"""What the launcher is told. bubblewrap may be a set-user-id program, and sees to privileges itself."""
SENTENCES = {
    Kind.BUBBLEWRAP: "ffmpeg works in bubblewrap: no network, and no files but those of the video at hand",
    Kind.LANDLOCK: (
        "ffmpeg works without bubblewrap. Landlock keeps all files but those of the video at hand from it, "
        "and a system call filter the network"
    ),
    Kind.FILTER: (
        "ffmpeg works WITHOUT A SANDBOX that hides files: a system call filter keeps the network from it, "
        "and the lists of allowed protocols, formats and codecs other files"
    ),
    Kind.LIMITS: (
        "ffmpeg works WITHOUT A SANDBOX: only the lists of allowed protocols, formats and codecs keep other files "
        "and the network from it, and limits its memory, time and output"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What is put around each program that reads what strangers sent."""

    kind: Kind = Kind.LIMITS
    """How much is kept from it."""
    bwrap: str = ""
    """Absolute path of bubblewrap."""
    shortcoming: str = ""
    """Why it is no better than it is."""

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to warn of."""
        return self.kind is Kind.BUBBLEWRAP

    def __str__(self) -> str:
        why = f" ({self.shortcoming})" if self.shortcoming else ""
        return f"{SENTENCES[self.kind]}{why}."

    def around(self, command: Sequence[str], budget: Budget, *, outputs: Sequence[str] = ()) -> Confinement:
        """Return the bounds for a command: it reads the files after `-i`, and writes where its other paths lead.

        Commands are composed by this server and hold no word of a client, so what they name is what they need.
        `outputs` are paths that are but a part of a word.
        """
        bounds = ("bare-environment=", *_limits(budget), *BOUNDS[self.kind])
        programs, inputs, folders = _needs(command[0]), _inputs(command), _output_folders(command, outputs)
        if self.kind is Kind.BUBBLEWRAP:
            return Confinement(bounds=bounds, wrapper=(self.bwrap, *_view(programs, folders, inputs)))
        if self.kind is Kind.LANDLOCK:
            reads = (f"read={path}" for path in (*programs, *inputs))
            writes = (f"write={path}" for path in (*DEVICES, *folders))
            bounds = (*reads, *writes, *bounds)
        return Confinement(bounds=bounds)


UNSANDBOXED = Sandbox()


async def find_sandbox(programs: Sequence[str], *, wish: str = "auto") -> Sandbox:
    """Return the strongest sandbox in which all of the programs can be started on this machine.

    `wish` may be `required`: nothing less than bubblewrap will do, and `SettingsError` says why there is none;
    or `off`: there shall be none.
    """
    if wish == "off":
        return Sandbox(shortcoming="the settings want none")
    faults: list[str] = []
    for sandbox in _candidates():
        fault = await _fault_of(sandbox, programs)
        if not fault:
            return replace(sandbox, shortcoming="; ".join(faults))
        faults.append(fault)
        if wish == "required":
            raise SettingsError(f"A sandbox is required, and there is none: {fault}.")
    return Sandbox(shortcoming="; ".join(faults))


def _candidates() -> Iterator[Sandbox]:
    """Yield every kind but the last, the strongest first."""
    yield Sandbox(kind=Kind.BUBBLEWRAP, bwrap=shutil.which("bwrap") or "")
    yield Sandbox(kind=Kind.LANDLOCK)
    yield Sandbox(kind=Kind.FILTER)


async def _fault_of(sandbox: Sandbox, programs: Sequence[str]) -> str:
    """Say why programs cannot be started in a sandbox; nothing where they can."""
    if sandbox.kind is Kind.BUBBLEWRAP and not sandbox.bwrap:
        return "bubblewrap is not installed"
    for program in programs:
        command = [program, "-version"]
        try:
            confinement = sandbox.around(command, Limits().for_a_look())
            async with asyncio.timeout(TRY_SECONDS), running(command, confinement) as process:
                await process.output(OUTPUT_BYTES)
                code, complaints = await process.end()
        except (OSError, ValueError, TimeoutError) as error:
            return f"{program} cannot be started in it: {error}"
        if code:
            return complaints.splitlines()[-1] if complaints else f"{program} ends with {code} in it"
    return ""


def _limits(budget: Budget) -> Iterator[str]:
    """Name the limits of the kernel that keep a process within its budget."""
    yield f"RLIMIT_DATA={budget.memory_bytes}"
    yield f"RLIMIT_CPU={budget.cpu_seconds}"
    yield f"RLIMIT_FSIZE={budget.file_bytes}"
    yield f"RLIMIT_NOFILE={budget.open_files}"
    # A core dump would be a copy of somebody's video in a place of the system's choosing.
    yield "RLIMIT_CORE=0"


def _inputs(command: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for before, word in pairwise(command) if before == "-i" and word.startswith("/"))


def _output_folders(command: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    named = {word for before, word in pairwise(command) if before != "-i" and word.startswith("/")}
    return tuple(sorted({str(Path(path).parent) for path in (*named, *outputs)}))


def _view(programs: Sequence[str], folders: Sequence[str], inputs: Sequence[str]) -> Iterator[str]:
    """Name what a program sees; what comes later lies on top, so an input in an output's folder stays as it is."""
    yield from BWRAP
    for option, paths in (("--ro-bind-try", programs), ("--bind-try", folders), ("--ro-bind-try", inputs)):
        for path in paths:
            yield from (option, path, path)
    yield from ("--remount-ro", "/", "--chdir", "/", "--")


def _needs(program: str) -> tuple[str, ...]:
    """Return what has to be there so that a program can be started."""
    return (program,) if _is_static(program) else (*SYSTEM, program)


def _is_static(program: str) -> bool:
    """Tell whether a program asks for nothing else to be loaded with it (elf(5))."""
    try:
        with Path(program).open("rb") as file:
            head = file.read(64)
            if len(head) < 64 or not head.startswith(ELF_64):
                return False
            (table,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<2H", head, 54)
            file.seek(table)
            entries = file.read(size * count)
    except OSError:
        return False
    return all(entries[place : place + 4] != INTERPRETER for place in range(0, size * count, size))
