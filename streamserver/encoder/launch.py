"""Become another program that dies with the server and keeps within bounds: run as a script, before all else.

    python -I -S launch.py PARENT_PID NICENESS [BOUND…] -- PROGRAM ARGUMENT…

    RLIMIT_NAME=NUMBER      a resource limit (setrlimit(2)); a program that is told of it has GRACE_SECONDS
    bare-environment=       the surroundings' variables, which may hold secrets, stay behind
    no-new-privileges=      no set-user-id program helps out (prctl(2), PR_SET_NO_NEW_PRIVS)
    read=PATH, write=PATH   what Landlock leaves: to read and run, and to do anything with
    landlock=               no other file is opened, and none outside is signalled (landlock(7))
    no-sockets=             no socket is opened, nor what gets round the above (seccomp(2))

The kernel ends the program when the thread that started it is gone (prctl(2), PR_SET_PDEATHSIG), also when the
server was killed with no chance to clean up. It yields the processor to whoever serves viewers, and is the first
to go when memory runs out. A bound that cannot be had ends it before it begins.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys

OOM_SCORE = "500"
GRACE_SECONDS = 5
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH")
"""In a bare environment."""
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38

# linux/landlock.h; the system calls have the same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
KNOWN_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights to files each version of Landlock knows; those after 5 know as many."""
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
READING = EXECUTE | READ_FILE | READ_DIR
WRITING = READ_FILE | READ_DIR | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14
"""Writing, cutting off, and making, moving and removing files and folders; no links, pipes or devices."""
ON_FILES = EXECUTE | READ_FILE | 1 << 1 | 1 << 14
"""What a rule on a file, rather than on a folder, may give."""
SCOPES = 0b11
"""Abstract sockets and signals (from version 6 on)."""

# linux/audit.h and the tables of system calls: what Landlock has no say in.
AUDITED_AS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FILTERED_EVERYWHERE = {"io_uring_setup": 425, "fchmodat2": 452}
FILTERED = {
    "x86_64": {"socket": 41, "truncate": 76, "chmod": 90, "fchmodat": 268},
    "aarch64": {"socket": 198, "truncate": 45, "fchmodat": 53},
}
X32_CALLS = 0x40000000
"""From here on x86-64 has its calls a second time."""
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x0005000D
"""Refusing is EACCES."""
MODE_FILTER = 2
CAPABILITIES_VERSION, DAC_OVERRIDE = 0x20080522, 1 << 1


def main(parent_pid: str, niceness: str, *words: str) -> None:
    """Replace this process by the command, within the bounds."""
    split = words.index("--")
    bounds = [(name, value) for name, _, value in (word.partition("=") for word in words[:split])]
    command = words[split + 1 :]
    if sys.platform == "linux":
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
            file.write(OOM_SCORE)
    if os.getppid() != int(parent_pid):  # the server went before prctl took effect
        sys.exit(1)
    os.nice(int(niceness))
    try:
        _keep_within(bounds)
    except (OSError, AttributeError, KeyError) as error:
        sys.exit(f"{command[0]} is not started, for a bound cannot be had: {error}")
    environment = dict(os.environ)
    if ("bare-environment", "") in bounds:
        environment = {name: value for name, value in environment.items() if name in KEPT_VARIABLES}
    try:
        os.execve(command[0], command, environment)  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


def _keep_within(bounds: "list[tuple[str, str]]") -> None:
    of = {wanted: [value for name, value in bounds if name == wanted] for wanted, _ in bounds}
    for name, value in bounds:
        if name.startswith("RLIMIT_"):
            _limit(getattr(resource, name), int(value))
    if "no-new-privileges" in of:
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if "landlock" in of:
        _lock_files(of.get("read", []), of.get("write", []))
        _drop_capabilities()
    if "no-sockets" in of:
        _filter_calls()


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    ceiling = most + GRACE_SECONDS if which == resource.RLIMIT_CPU else most
    if hard != resource.RLIM_INFINITY:
        most, ceiling = min(most, hard), min(ceiling, hard)
    resource.setrlimit(which, (most, ceiling))


def _lock_files(readable: "list[str]", writable: "list[str]") -> None:
    """Open no file from now on but these and what is below them."""
    version = _call("syscall", CREATE_RULESET, None, 0, 1)
    every_right = (1 << KNOWN_RIGHTS.get(version, KNOWN_RIGHTS[5])) - 1
    handled = struct.pack("=QQQ", every_right, 0, SCOPES)[: 24 if version >= 6 else 8]
    ruleset = _call("syscall", CREATE_RULESET, handled, len(handled), 0)
    for path, rights in [(path, READING) for path in readable] + [(path, WRITING) for path in writable]:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # the program will say what it misses
            continue
        granted = rights & every_right & (-1 if os.path.isdir(path) else ON_FILES)  # noqa: PTH112 - see above
        _call("syscall", ADD_RULE, ruleset, 1, struct.pack("=Qi", granted, descriptor), 0)
        os.close(descriptor)
    _call("syscall", RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _drop_capabilities() -> None:
    """Let go of what root may, but for entering a folder that belongs to somebody else."""
    kept = DAC_OVERRIDE if os.geteuid() == 0 else 0
    _call("capset", struct.pack("=Ii", CAPABILITIES_VERSION, 0), struct.pack("=6I", kept, kept, 0, 0, 0, 0))


def _filter_calls() -> None:
    """Refuse system calls that lead out (a program for the classic BPF machine, linux/filter.h)."""
    machine = os.uname().machine
    refused = {**FILTERED[machine], **FILTERED_EVERYWHERE}
    tests = [(IF_EQUAL, number) for number in refused.values()] + [(IF_AT_LEAST, X32_CALLS)]
    steps = [(LOAD, 0, 0, 4), (IF_EQUAL, 0, len(tests) + 2, AUDITED_AS[machine]), (LOAD, 0, 0, 0)]
    # A test that holds jumps behind all that follow it and the step that allows.
    steps += [(test, len(tests) - place, 0, number) for place, (test, number) in enumerate(tests)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    _call("prctl", PR_SET_SECCOMP, MODE_FILTER, program, 0, 0)


def _call(name: str, *arguments: "int | bytes | None") -> int:
    """Call a function of the C library; `OSError` where it fails."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    result: int = function(*(ctypes.c_long(word) if isinstance(word, int) else word for word in arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
