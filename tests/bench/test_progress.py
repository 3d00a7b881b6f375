"""What a person sees while a benchmark works."""

import io

from benchmarks.progress import Progress


class Terminal(io.StringIO):
    """Says that it can be written over."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_each_step_on_one_line() -> None:
    """Every step writes over the one before, and in the end nothing is left."""
    out = Terminal()
    progress = Progress(10, out=out)
    progress.step("nginx")
    progress.step("Caddy")
    progress.close()
    first, second, last = out.getvalue().removeprefix("\r\x1b[K").split("\r\x1b[K")
    assert first == "[ 1/10] nginx"
    assert second.startswith("[ 2/10] Caddy · about ")
    assert last == ""


def test_a_log_is_not_flooded() -> None:
    """Where lines cannot be written over, a thousand steps within a moment make one line."""
    out = io.StringIO()
    progress = Progress(1000, out=out)
    for _ in range(1000):
        progress.step("nginx")
    progress.close()
    assert out.getvalue() == "[   1/1000] nginx\n"
