"""The one place where processes are started: what they get, and that nothing of them is left."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streamserver.encoder.process import LAUNCHER, TAIL_BYTES, Confinement, running
from tests.encoder.processes import children, group_members, is_alive, script
from tests.waiting import until

CHECKOUT = Path(__file__).parents[2]
NONE = Confinement()
MUCH = 64 * 1024


async def said_by(program: str, *arguments: str) -> tuple[bytes, int, str]:
    async with running([program, *arguments], NONE) as process:
        return await process.output(MUCH), *await process.end()


class TestStarting:
    """What a process gets."""

    async def test_arguments_are_handed_on_as_they_are(self, tmp_path: Path) -> None:
        """No shell reads the arguments: each arrives as it was given."""
        odd = ["a b", "$HOME", "`id`", "*", "'", '"', ";", "", "ü", "-x", "\n"]
        program = script(tmp_path, 'for word in "$@"; do printf "%s|" "$word"; done')
        said, code, complaints = await said_by(program, *odd)
        assert (said.decode(), code, complaints) == ("|".join(odd) + "|", 0, "")

    async def test_no_input_low_priority_first_to_go(self, tmp_path: Path) -> None:
        """It finds nothing on its standard input, yields the processor, and goes first when memory runs out."""
        program = script(tmp_path, "cat; ps -o ni= -p $$; cat /proc/self/oom_score_adj")
        said, _, _ = await said_by(program)
        assert said.split() == [str(min(19, os.nice(0) + 10)).encode(), b"500"]

    async def test_its_surroundings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Variables are handed on, but in a bare environment."""
        monkeypatch.setenv("STREAMSERVER_TOLD", "so")
        program = script(tmp_path, "echo $STREAMSERVER_TOLD")
        assert (await said_by(program))[0] == b"so\n"
        async with running([program], Confinement(bounds=("bare-environment=",))) as process:
            assert await process.output(MUCH) == b"\n"

    async def test_its_processor_time(self, tmp_path: Path) -> None:
        """What it takes counts, what its children take, those that live and those that ended; later it is 0."""
        burn = "for step in $(seq 300000); do :; done"
        program = script(tmp_path, f"({burn}); ({burn}; echo done; exec sleep 60) & wait")
        async with running([program], NONE) as process:
            assert await anext(process.lines()) == "done"
            assert process.cpu_seconds() > 0
        assert process.cpu_seconds() == 0

    async def test_it_leads_a_group_of_its_own(self, tmp_path: Path) -> None:
        """A signal to the server's terminal does not reach it, and one to its group reaches its children."""
        async with running([script(tmp_path, "sleep 60 & sleep 60")], NONE) as process:
            await until(lambda: len(group_members(process.pid)) == 3)
            assert os.getpgid(process.pid) == process.pid == os.getsid(process.pid)

    @pytest.mark.parametrize("fault", ["missing", "not executable", "no program"])
    async def test_what_cannot_be_started_says_why(self, fault: str, tmp_path: Path) -> None:
        """A program that cannot be started ends with one line that names it."""
        program = tmp_path / "program"
        if fault != "missing":
            program.write_bytes(b"\x7fELF nonsense")
        if fault == "no program":
            program.chmod(0o755)
        said, code, complaints = await said_by(str(program))
        assert (said, code > 0) == (b"", True)
        assert complaints.splitlines() == [complaints]
        assert complaints.startswith(f"{program} cannot be started: ")


class TestListening:
    """What a process says, complains of, and how it ends."""

    async def test_output_and_end(self, tmp_path: Path) -> None:
        """What it says and what it complains of are kept apart; the exit code is its own."""
        program = script(tmp_path, "echo said; echo complained >&2; exit 3")
        assert await said_by(program) == (b"said\n", 3, "complained")

    async def test_a_signal_is_a_negative_code(self, tmp_path: Path) -> None:
        """A process that was killed ends with the number of the signal, negative."""
        _, code, _ = await said_by(script(tmp_path, "kill -SEGV $$"))
        assert code == -signal.SIGSEGV

    async def test_the_end_of_long_complaints(self, tmp_path: Path) -> None:
        """Of complaints without end the last part is kept; they block nobody."""
        program = script(tmp_path, "yes 'a complaint' | head -c 5000000 >&2; echo last words >&2")
        _, code, complaints = await said_by(program)
        assert (code, complaints[-10:]) == (0, "last words")
        assert TAIL_BYTES / 2 < len(complaints) <= TAIL_BYTES

    async def test_output_has_a_limit(self, tmp_path: Path) -> None:
        """A process that never stops talking is given up, and ended."""
        program = script(tmp_path, "yes")
        with pytest.raises(ValueError, match=f"more than {MUCH} bytes"):
            await said_by(program)
        assert children() == []

    async def test_lines(self, tmp_path: Path) -> None:
        """Lines come one by one, stripped, whatever bytes they hold, the last one without an end too."""
        program = script(tmp_path, r"printf 'one\r\ntwo  \n\377\376\nlast'")
        async with running([program], NONE) as process:
            assert [line async for line in process.lines()] == ["one", "two", "��", "last"]


class TestEnding:
    """However it is left, nothing of a process remains."""

    async def test_a_process_that_listens_is_asked(self, tmp_path: Path) -> None:
        """On leaving, a process is asked to end first, so that it can close its files."""
        mark = tmp_path / "asked"
        program = script(tmp_path, f"trap 'touch {mark}; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
        async with running([program], NONE) as process:
            assert await anext(process.lines()) == "ready"
            pid = process.pid
        assert mark.exists()
        assert not is_alive(pid)

    async def test_a_process_that_does_not_listen_is_killed(self, tmp_path: Path) -> None:
        """One that ignores the request is killed, with all of its group, and reaped."""
        program = script(tmp_path, "trap '' TERM; sleep 60 & echo ready; while :; do sleep 60; done")
        async with running([program], NONE) as process:
            assert await anext(process.lines()) == "ready"
            group = process.pid
        await until(lambda: not any(is_alive(pid) for pid in group_members(group)))
        assert children() == []

    async def test_children_do_not_outlive_it(self, tmp_path: Path) -> None:
        """What a process started and left behind is ended, also when the process itself ended well."""
        program = script(tmp_path, "sleep 60 >/dev/null 2>&1 & exit 0")
        async with running([program], NONE) as process:
            code, _ = await process.end()
            group = process.pid
        assert code == 0
        await until(lambda: not any(is_alive(pid) for pid in group_members(group)))

    @pytest.mark.parametrize("chatter", ["", "yes &"])
    async def test_a_cancelled_task_leaves_no_process(self, chatter: str, tmp_path: Path) -> None:
        """Cancelling who waits for a process ends the process before the cancellation goes on."""
        started = asyncio.Event()
        groups: list[int] = []

        async def run() -> None:
            async with running([script(tmp_path, f"{chatter} sleep 60")], NONE) as process:
                groups.append(process.pid)
                started.set()
                await process.end()

        task = asyncio.create_task(run())
        await started.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert children() == []
        await until(lambda: not any(is_alive(pid) for pid in group_members(groups[0])))

    async def test_an_impatient_task_leaves_no_process(self, tmp_path: Path) -> None:
        """Cancelling again while the process is being ended leaves nothing either."""
        started = asyncio.Event()

        async def run() -> None:
            async with running(
                [script(tmp_path, "trap '' TERM; echo ready; while :; do sleep 60; done")], NONE
            ) as process:
                await anext(process.lines())
                started.set()
                await process.end()

        task = asyncio.create_task(run())
        await started.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait({task})
        assert task.cancelled()
        assert children() == []

    async def test_cancelled_at_any_moment(self, tmp_path: Path) -> None:
        """A task that is cancelled while the process is just being started leaves none."""
        program = script(tmp_path, "sleep 60")

        async def run() -> None:
            async with running([program], NONE) as process:
                await process.end()

        for moments in range(25):
            task = asyncio.create_task(run())
            for _ in range(moments):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            assert children() == []

    async def test_an_exception_leaves_no_process(self, tmp_path: Path) -> None:
        """An exception in the body ends the process and is passed on."""
        program = script(tmp_path, "sleep 60")
        with pytest.raises(KeyError):
            async with running([program], NONE):
                raise KeyError
        assert children() == []


SERVER = """
import asyncio, sys
from streamserver.encoder.process import Confinement, running
async def main():
    async with running([sys.argv[1]], Confinement()) as process:
        print(process.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


class TestOutliving:
    """A server that is killed has no chance to clean up; the kernel does."""

    async def test_it_dies_with_the_server(self, tmp_path: Path) -> None:
        """Killing the server with SIGKILL ends the program that it had started."""
        program = script(tmp_path, "exec sleep 60")
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVER, program), stdout=subprocess.PIPE, cwd=CHECKOUT
        )
        assert server.stdout is not None
        pid = int(await server.stdout.readline())
        await until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        server.kill()
        await server.wait()
        await until(lambda: not is_alive(pid))

    def test_it_does_not_begin_without_the_server(self, tmp_path: Path) -> None:
        """A program whose server is gone before it was ready to be told of that does not start at all."""
        mark = tmp_path / "started"
        program = script(tmp_path, f"touch {mark}")
        nobody = str(os.getpid() + 1)
        command = [sys.executable, "-I", "-S", str(LAUNCHER), nobody, "10", "--", program]
        assert subprocess.run(command, check=False).returncode == 1
        assert not mark.exists()
