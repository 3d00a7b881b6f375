"""The sandbox: what a program in it can reach, what it may use, and that it ends as any other does."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from streamserver.domain.ladder import EncodePlan, Output, ladder_specs
from streamserver.domain.sources import SourceInfo, VideoStream
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Budget, Limits
from streamserver.encoder.process import running
from streamserver.encoder.sandbox import Kind, Sandbox, find_sandbox
from streamserver.errors import MachineFault, SettingsError
from tests.clips.programs import PROGRAMS, ffmpeg
from tests.encoder.processes import children, group_members, is_alive, script
from tests.encoder.sandboxes import sandbox
from tests.waiting import until

CHECKOUT = Path(__file__).parents[2]
BUDGET = Limits().for_a_look()
SMALL = Budget(memory_bytes=60_000_000, cpu_seconds=1, file_bytes=1_000_000, open_files=20)
SAID_BYTES = 64 * 1024
SECRET = "the secret"  # noqa: S105 - a word to look for


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A sandbox, and what lies in and about it."""

    sandbox: Sandbox
    program: Path
    """What is run; it is a script of bash."""
    source: Path
    """What it is to read."""
    target: Path
    """What it is to write, beside the source."""
    outside: Path
    """A file that is not its business."""

    async def run(self, text: str, budget: Budget = BUDGET) -> tuple[str, int, str]:
        """Run a script; return what it says, its exit code and its complaints."""
        self.program.write_text(f"#!/bin/bash\n{text}\n")
        self.program.chmod(0o755)
        command = [str(self.program), "-i", str(self.source), str(self.target)]
        async with running(command, self.sandbox.around(command, budget)) as process:
            said = await process.output(SAID_BYTES)
            code, complaints = await process.end()
            return said.decode(), code, complaints


def room_of(kind: Kind, folder: Path) -> Room:
    for name in ("programs", "video", "other"):
        (folder / name).mkdir()
    (folder / "video/source").write_text("the video")
    (folder / "other/file").write_text(SECRET)
    return Room(
        sandbox=sandbox(kind),
        program=folder / "programs/program",
        source=folder / "video/source",
        target=folder / "video/target",
        outside=folder / "other/file",
    )


@pytest.fixture(params=list(Kind))
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """Return a room in each kind of sandbox."""
    return room_of(request.param, tmp_path)


@pytest.fixture(params=[Kind.BUBBLEWRAP, Kind.LANDLOCK])
def closed(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """Return a room in each kind that hides files."""
    return room_of(request.param, tmp_path)


@pytest.fixture(params=[Kind.BUBBLEWRAP, Kind.LANDLOCK, Kind.FILTER])
def offline(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """Return a room in each kind that has no network."""
    return room_of(request.param, tmp_path)


class TestWork:
    """What a program is there for, it can do."""

    async def test_it_reads_its_source_and_writes_its_target(self, room: Room) -> None:
        """The source is read, files are made, moved and removed beside the target."""
        said, code, complaints = await room.run(
            'cat "$2"; echo made > "$3.part"; mv "$3.part" "$3"; echo x > "$3.x"; rm "$3.x"; echo again > "$3"'
        )
        assert (said, code, complaints) == ("the video", 0, "")
        assert sorted(path.name for path in room.target.parent.iterdir()) == ["source", "target"]
        assert room.target.read_text() == "again\n"

    async def test_it_says_and_ends_as_anywhere(self, room: Room) -> None:
        """What it says and complains of arrives, and so does its exit code."""
        assert await room.run("echo said; echo complained >&2; exit 183") == ("said\n", 183, "complained")

    async def test_the_programs_themselves(self, room: Room) -> None:
        """Both ffmpeg and ffprobe can be started in it."""
        for program in (PROGRAMS.ffmpeg, PROGRAMS.ffprobe):
            command = [program, "-version"]
            async with running(command, room.sandbox.around(command, BUDGET)) as process:
                assert b"version" in await process.output(SAID_BYTES)
                assert await process.end() == (0, "")


class TestFiles:
    """No file but those of the video."""

    async def test_other_files_are_not_read(self, closed: Room) -> None:
        """A file that is there for everybody else is not for it; nor is a secret of the system."""
        for path in (
            closed.outside,
            Path("/etc/passwd"),
            Path("/etc/hostname"),
            Path("/proc/self/environ"),
            Path(f"/proc/{os.getpid()}/maps"),
        ):
            said, code, _ = await closed.run(f"cat {path}")
            assert (said, code > 0) == ("", True), path

    async def test_other_files_are_not_changed(self, closed: Room) -> None:
        """Nothing is written, made, removed or given other permissions elsewhere."""
        mode = closed.outside.stat().st_mode
        for deed in (
            "echo x >> {}",
            "echo x > {}",
            "truncate -s 1 {}",
            "rm -f {}",
            "mv {} {}.x",
            "chmod 777 {}",
            "touch {}.new",
        ):
            await closed.run(deed.replace("{}", str(closed.outside)))
        assert [path.name for path in closed.outside.parent.iterdir()] == ["file"]
        assert (closed.outside.read_text(), closed.outside.stat().st_mode) == (SECRET, mode)

    async def test_the_source_stays_as_it_is(self, tmp_path: Path) -> None:
        """In bubblewrap even the folder that is written to keeps its source."""
        room = room_of(Kind.BUBBLEWRAP, tmp_path)
        await room.run('echo x > "$2"; rm -f "$2"; mv "$2" "$3"; chmod 777 "$2"')
        assert room.source.read_text() == "the video"

    async def test_no_way_out_is_left_behind(self, tmp_path: Path) -> None:
        """Under Landlock no link, pipe or device is made, which somebody else might open later."""
        room = room_of(Kind.LANDLOCK, tmp_path)
        await room.run('ln -s /etc/passwd "$3"; mkfifo "$3.pipe"; ln /etc/passwd "$3.hard"')
        assert [path.name for path in room.target.parent.iterdir()] == ["source"]

    async def test_its_surroundings_tell_nothing(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        """The environment, which may hold a password, is not handed on."""
        monkeypatch.setenv("STREAMSERVER_DATABASE_URL", f"mysql://root:{SECRET}@host/name")
        said, _, _ = await room.run("export -p")
        assert "PATH" in said
        assert SECRET not in said


class TestNetwork:
    """Nobody is called."""

    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            yield listener

    @pytest.mark.parametrize("protocol", ["tcp", "udp"])
    async def test_no_connection(self, offline: Room, listener: socket.socket, protocol: str) -> None:
        """No connection is made to this machine, and no datagram sent."""
        port = listener.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
            box.bind(("127.0.0.1", port))
            box.setblocking(False)
            said, _, _ = await offline.run(f"echo x > /dev/{protocol}/127.0.0.1/{port} && echo sent")
            with pytest.raises(BlockingIOError):
                box.recv(1)
        assert said == "" or protocol == "udp"  # in a network of its own a datagram is lost
        with pytest.raises(BlockingIOError):
            listener.accept()

    async def test_the_same_gets_through_without_a_sandbox(self, tmp_path: Path, listener: socket.socket) -> None:
        """The test of the above can fail."""
        room = room_of(Kind.LIMITS, tmp_path)
        said, _, _ = await room.run(f"echo x > /dev/tcp/127.0.0.1/{listener.getsockname()[1]} && echo sent")
        assert said == "sent\n"
        listener.accept()[0].close()


class TestProcesses:
    """It neither sees nor survives the server."""

    async def test_it_signals_nobody(self, closed: Room) -> None:
        """The server's processes are out of its reach."""
        sleeper = await asyncio.create_subprocess_exec("sleep", "60")
        try:
            said, _, _ = await closed.run(
                f"kill -KILL {sleeper.pid} && echo killed; kill -0 {os.getpid()} && echo there"
            )
            assert said == ""
            assert is_alive(sleeper.pid)
        finally:
            sleeper.kill()
            await sleeper.wait()

    async def test_a_kill_is_a_negative_code(self, room: Room) -> None:
        """A program that is killed, as for want of memory, ends with that signal, whatever is around it."""
        room.program.write_text("#!/bin/bash\nexec sleep 60\n")
        room.program.chmod(0o755)
        command = [str(room.program)]
        async with running(command, room.sandbox.around(command, BUDGET)) as process:
            await until(lambda: bool(_sleepers(process.pid)))
            os.kill(_sleepers(process.pid)[0], signal.SIGKILL)
            assert (await process.end())[0] == -signal.SIGKILL

    @pytest.mark.parametrize(
        ("crash", "numbers"),
        [
            ("ctypes.string_at(0)", {signal.SIGSEGV}),
            # The first process of a namespace is deaf to a signal that it sends itself; abort(3) then goes on to a
            # fault, to which nobody is.
            ("os.abort()", {signal.SIGABRT, signal.SIGSEGV}),
        ],
    )
    async def test_a_crash_is_a_negative_code(self, room: Room, crash: str, numbers: set[signal.Signals]) -> None:
        """A program that crashes ends with the number of the signal, whatever is around it."""
        system = "PATH=/usr/local/bin:/usr/bin:/bin"  # the Python of a virtual environment lies outside
        _, code, complaints = await room.run(f"{system}; exec python3 -c 'import ctypes, os; {crash}'")
        assert -code in numbers, complaints

    async def test_cancelling_ends_all_of_it(self, room: Room) -> None:
        """Whoever is in the sandbox is gone when its caller goes on."""
        started = asyncio.Event()
        groups: list[int] = []
        room.program.write_text("#!/bin/bash\ntrap '' TERM\nsleep 60 & sleep 60 & echo ready; wait; sleep 60\n")
        room.program.chmod(0o755)
        command = [str(room.program)]

        async def run() -> None:
            async with running(command, room.sandbox.around(command, BUDGET)) as process:
                groups.append(process.pid)
                assert await anext(process.lines()) == "ready"
                started.set()
                await process.end()

        task = asyncio.create_task(run())
        await started.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert children() == []
        await until(lambda: not any(is_alive(pid) for pid in group_members(groups[0])))

    async def test_it_dies_with_the_server(self, room: Room) -> None:
        """Killing the server with SIGKILL ends what it had started, inside of the sandbox too."""
        room.program.write_text("#!/bin/bash\nexec sleep 60\n")
        room.program.chmod(0o755)
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVER, room.sandbox.kind, room.sandbox.bwrap, str(room.program)),
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert server.stdout is not None
        group = int(await server.stdout.readline())
        await until(lambda: bool(_sleepers(group)))
        server.kill()
        await server.wait()
        await until(lambda: not any(is_alive(pid) for pid in group_members(group)))


SERVER = """
import asyncio, sys
from streamserver.encoder.limits import Limits
from streamserver.encoder.process import running
from streamserver.encoder.sandbox import Kind, Sandbox
async def main():
    sandbox, command = Sandbox(kind=Kind(sys.argv[1]), bwrap=sys.argv[2]), [sys.argv[3]]
    async with running(command, sandbox.around(command, Limits().for_a_look())) as process:
        print(process.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def _sleepers(group: int) -> list[int]:
    """Return the processes of a group that have become `sleep`."""
    return [pid for pid in group_members(group) if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]


class TestLimits:
    """What it may use."""

    async def test_memory(self, room: Room) -> None:
        """A program that asks for more than its share gets none."""
        hoard = "head -c {} /dev/zero | tail -c {} | wc -c"
        modest, _, _ = await room.run(hoard.format(1_000_000, 1_000_000), SMALL)
        greedy, _, complaints = await room.run(hoard.format(100_000_000, 100_000_000), SMALL)
        assert (modest, greedy) == ("1000000\n", "0\n")
        assert "memory exhausted" in complaints

    @pytest.mark.parametrize("kind", list(Kind))
    async def test_memory_of_the_real_one(self, kind: Kind, tmp_path: Path) -> None:
        """An ffmpeg that may not take what it needs tells that, and its source is not to blame."""
        source = tmp_path / "source"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=1280x720:duration=1", "-c:v", "mpeg4", "-f", "avi", str(source))
        encoder = FfmpegEncoder(PROGRAMS, limits=Limits(memory_bytes=80_000_000), sandbox=sandbox(kind))
        info = await encoder.probe(source)
        outputs = tuple(Output(spec=spec, path=str(tmp_path / f"{spec.name}.mp4")) for spec in ladder_specs(info))
        with pytest.raises(MachineFault):
            await encoder.encode(
                EncodePlan(source_path=str(source), source=info, outputs=outputs), lambda _report: None
            )

    async def test_time(self, room: Room) -> None:
        """A program that computes without end is stopped by the kernel."""
        _, code, _ = await room.run("trap 'exit 77' XCPU; while :; do :; done", SMALL)
        assert code == 77

    async def test_time_of_the_deaf(self, room: Room) -> None:
        """One that does not listen is killed a little later."""
        _, code, _ = await room.run("trap '' XCPU; while :; do :; done", SMALL)
        assert code == -signal.SIGKILL

    async def test_length_of_files(self, room: Room) -> None:
        """A file grows to its limit and no further."""
        await room.run('head -c 5000000 /dev/zero > "$3"', SMALL)
        assert room.target.stat().st_size == SMALL.file_bytes

    async def test_the_others(self, room: Room) -> None:
        """Open files are counted, and a crash is not dumped."""
        assert await room.run("ulimit -n; ulimit -c", SMALL) == ("20\n0\n", 0, "")

    def test_an_encode_gets_more_as_its_source_is_longer(self) -> None:
        """Its time and its files grow with the source's length, its memory does not."""
        video = VideoStream(
            index=0,
            codec="h264",
            pixel_format="yuv420p",
            coded_width=640,
            coded_height=360,
            width=640,
            height=360,
            frame_rate=25,
        )
        source = SourceInfo(format_name="mp4", duration_seconds=10, bit_rate_bps=800_000_000, video=video)
        (budget, longer) = (
            Limits(cpu_seconds=60, cpu_seconds_per_second=5, file_bytes=1000).for_an_encode(
                EncodePlan(
                    source_path="source",
                    source=replace(source, duration_seconds=seconds),
                    outputs=(Output(spec=ladder_specs(source)[0], path="o"),),
                )
            )
            for seconds in (10, 1000)
        )
        assert (budget.cpu_seconds, longer.cpu_seconds) == (110, 5060)
        assert (budget.file_bytes, longer.file_bytes) == (1000 + 2 * 10**9, 1000 + 2 * 10**11)
        assert budget.memory_bytes == longer.memory_bytes


class TestFinding:
    """Which sandbox is used."""

    PROGRAMS = (PROGRAMS.ffmpeg, PROGRAMS.ffprobe)

    async def test_bubblewrap_where_it_works(self) -> None:
        """It comes first, and there is nothing to warn of."""
        whole = sandbox(Kind.BUBBLEWRAP)
        found = await find_sandbox(self.PROGRAMS)
        assert found == whole
        assert found.is_whole
        assert str(found) == "ffmpeg works in bubblewrap: no network, and no files but those of the video at hand."
        assert await find_sandbox(self.PROGRAMS, wish="required") == whole

    @pytest.mark.parametrize(
        ("bwrap", "reason"),
        [
            (None, "bubblewrap is not installed"),
            ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create"),
            ("exit 3", "ends with 3 in it"),
        ],
    )
    async def test_landlock_where_it_does_not(
        self, bwrap: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next best is taken, and the sentence says what is missing and why."""
        sandbox(Kind.LANDLOCK)
        if bwrap:
            script(tmp_path, bwrap, "bwrap")
        monkeypatch.setenv("PATH", str(tmp_path))
        found = await find_sandbox(self.PROGRAMS)
        assert found.kind is Kind.LANDLOCK
        assert not found.is_whole
        assert "works without bubblewrap" in str(found)
        assert reason in str(found)
        with pytest.raises(SettingsError, match=f"A sandbox is required, and there is none: .*{reason}"):
            await find_sandbox(self.PROGRAMS, wish="required")

    async def test_none_where_it_is_not_wanted(self) -> None:
        """The sentence says so, loudly."""
        found = await find_sandbox(self.PROGRAMS, wish="off")
        assert found.kind is Kind.LIMITS
        assert "WITHOUT A SANDBOX" in str(found)
        assert "the settings want none" in str(found)

    async def test_programs_that_can_be_started_nowhere(self, tmp_path: Path) -> None:
        """A program that is broken anyhow is in no sandbox; that it is broken is for others to tell."""
        found = await find_sandbox((script(tmp_path, "echo broken >&2; exit 1"),))
        assert found.kind is Kind.LIMITS
        assert "broken" in found.shortcoming


async def test_a_bound_that_cannot_be_had_starts_nothing(tmp_path: Path) -> None:
    """A launcher that cannot draw a bound says which, and the program does not begin."""
    unknown = Sandbox(kind=Kind.LIMITS)
    mark = tmp_path / "mark"
    command = [script(tmp_path, f"touch {mark}")]
    confinement = unknown.around(command, BUDGET)
    async with running(command, replace(confinement, bounds=("RLIMIT_PATIENCE=1",))) as process:
        code, complaints = await process.end()
    assert code == 1
    assert "a bound cannot be had" in complaints
    assert "RLIMIT_PATIENCE" in complaints
    assert not mark.exists()
