"""Steps: what is due is done in order, a line each, the tools' own output kept in a log."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bootstrap.stamps import Stamp

TAIL_LINES = 15


class SetupError(Exception):
    """Something that only the person who started this can put right; the text says what to do."""


class CommandError(Exception):
    """A tool ended badly; the log has its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Runs tools without a terminal, their output going to the log."""

    log: IO[bytes]  # where their output goes
    root: Path  # where they run, unless told otherwise
    lock: int | None = None  # a descriptor that a tool keeps open, and with it the lock, should this process die
    on_wait: Callable[[], None] = lambda: None  # called about once a second while a tool works

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        keeps_lock: bool = True,
    ) -> None:
        """Run one tool to its end; raise CommandError if that is a bad one."""
        self.log.write(f"\n$ {shlex.join(command)}\n".encode())
        self.log.flush()
        with subprocess.Popen(
            command,
            cwd=folder or self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            pass_fds=(self.lock,) if keeps_lock and self.lock is not None else (),
        ) as process:
            while process.poll() is None:
                self.on_wait()
                try:
                    process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    continue
        if process.returncode:
            raise CommandError(f"exit status {process.returncode}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to make or install."""

    title: str  # what a person reads: "installing Python packages"
    act: Callable[[Tools], None]  # does it
    remedy: str  # what a person can do should it fail
    stamp: Stamp | None = None  # vouches for the result; None where the machine itself shows it
    is_optional: bool = False  # a failure is told, and the rest goes on


class Progress:
    """A line a step: `[2/4] installing Python packages … 21.3 s`."""

    def __init__(self, *, total: int, out: IO[str]) -> None:
        self._total = total
        self._out = out
        self._line = ""
        self._began = 0.0

    def begin(self, number: int, title: str) -> None:
        """Name the step."""
        self._line = f"[{number}/{self._total}] {title} …"
        self._began = time.monotonic()
        print(self._line, end="", file=self._out, flush=True)

    def tick(self) -> None:
        """Show that it still goes on, where a line can be written over."""
        if self._out.isatty():
            print(f"\r{self._line} {self._elapsed()}", end="", file=self._out, flush=True)

    def end(self, outcome: str = "") -> None:
        """Add how long it took."""
        again = f"\r{self._line}" if self._out.isatty() else ""
        print(f"{again} {outcome}{self._elapsed()}", file=self._out, flush=True)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"


def take(steps: Sequence[Step], *, root: Path, log: Path, lock: int | None = None) -> None:
    """Take the steps in order; raise SetupError, with the step's name and what to do, at the first that fails."""
    progress = Progress(total=len(steps), out=sys.stdout)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        tools = Tools(log=output, root=root, lock=lock, on_wait=progress.tick)
        for number, step in enumerate(steps, start=1):
            progress.begin(number, step.title)
            try:
                _take_one(step, tools)
            except CommandError as error:
                progress.end("failed after ")
                if not step.is_optional:
                    raise SetupError(_explain(step, error, log)) from error
                print(f"      {step.remedy}")
            except BaseException:
                print()
                raise
            else:
                progress.end()


def _take_one(step: Step, tools: Tools) -> None:
    if step.stamp:
        step.stamp.begin()
    step.act(tools)
    if step.stamp:
        step.stamp.vouch()


def _explain(step: Step, error: CommandError, log: Path) -> str:
    _, _, last_command = log.read_text(errors="replace").rpartition("\n$ ")
    lines = last_command.splitlines()[1:]
    return "\n".join(
        [
            *(f"    {line}" for line in lines[-TAIL_LINES:]),
            f"Failed while {step.title} ({error}). {step.remedy}",
            f"All that was said is in {log}.",
        ]
    )
