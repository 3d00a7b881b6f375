"""Files made to harm: none leads an encoder to any file but its own, to the network, or to work without end."""

import json
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamserver.encoder.sandbox import Kind
from streamserver.encoder.verdict import TOO_DEMANDING
from tests.clips.generated import Clips
from tests.clips.hostile import FUZZED, Hostile
from tests.encoder.encode_all import MEMORY_BYTES
from tests.encoder.sandboxes import sandbox, strongest
from tests.encoder.traces import Trace, opened, traced, tracing
from tests.end_to_end.client import Client
from tests.services.server import running_server

pytest_plugins = ["tests.clips.fixtures"]

OWN = re.compile(
    r"/proc/self/.*|/proc/(cpuinfo|stat|meminfo|sys/vm/overcommit_memory)|/sys/(devices|fs)/.*"
    r"|/dev/(urandom|null)|/etc/ld\.so\..*"
    # The libraries of an ffmpeg that is not static, wherever its loader looks for them.
    r"|(/usr)?/lib(32|64)?/[\w./-]*\.so(\.\d+)*"
)
"""What a program opens for itself, whatever it is fed."""
REFUSALS = ("refused: The file is not a video", "refused: The file is incomplete")
SENTENCE = re.compile(r"(refused|no poster|failed): [A-Z].*[.]|encoded: .*")
"""None of them is anything that the machine lacks, for which they would be tried again."""


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bait") / "bait.ts"
    path.write_bytes(b"G" + bytes(187) * 50)
    return path


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory, clips: Clips, bait: Path, listener: socket.socket
) -> Hostile:
    port = listener.getsockname()[1]
    return Hostile(tmp_path_factory.mktemp("hostile"), clips, bait=bait, port=port)


class Report:
    """What became of files, and what was asked of the kernel meanwhile."""

    def __init__(self, kind: Kind, files: dict[str, Path], folder: Path) -> None:
        for name in ("work", "trace"):
            (folder / name).mkdir()
        self.work = folder / "work"
        chosen = sandbox(kind)
        command = (sys.executable, "-m", "tests.encoder.encode_all", chosen.kind, chosen.bwrap, str(self.work))
        paths = json.dumps({name: str(path) for name, path in files.items()})
        self.trace, said = traced(folder / "trace", *command, standard_input=paths)
        told: dict[str, Any] = json.loads(said)
        self.peak_bytes: int = told["peak_bytes"]
        self.said: dict[str, list[str]] = {name: outcome["said"] for name, outcome in told["outcomes"].items()}


def assert_nothing_was_touched(trace: Trace, work: Path, bait: Path, listener: socket.socket) -> None:
    calls = trace.by_encoders()
    assert len(calls) > 10, "nothing was traced"
    strange = {path for path in opened(calls) if not path.startswith(f"{work}/") and not OWN.fullmatch(path)}
    assert strange == set()
    assert not [
        line for line in calls if line.startswith(("socket(", "connect(", "sendto(", "sendmsg(", "execve("))
    ]
    assert str(bait) not in "".join(
        line for line in trace.everything().splitlines() if OPENED_BY_ANYONE.match(line)
    )
    with pytest.raises(BlockingIOError):
        listener.accept()


OPENED_BY_ANYONE = re.compile(r"open|creat|connect|sendto")


@pytest.fixture(scope="module", params=[Kind.BUBBLEWRAP, Kind.LANDLOCK, Kind.LIMITS])
def disguised(
    request: pytest.FixtureRequest, hostile: Hostile, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    return Report(request.param, hostile.disguised(), tmp_path_factory.mktemp("disguised"))


class TestDisguises:
    """Lists of addresses in the clothes of videos."""

    def test_nobody_is_asked(self, disguised: Report, bait: Path, listener: socket.socket) -> None:
        """Whatever the sandbox, and without one: no other file is opened, and no address called."""
        assert_nothing_was_touched(disguised.trace, disguised.work, bait, listener)

    def test_each_is_refused_in_a_sentence(self, disguised: Report) -> None:
        """All but the two that hold a video besides are no videos; no sentence tells where files are kept."""
        for name, said in disguised.said.items():
            assert all(SENTENCE.fullmatch(line) for line in said), (name, said)
            assert str(disguised.work) not in " ".join(said)
            if name not in {"gab2", "alias"}:
                assert len(said) == 1, (name, said)
                assert said[0].startswith(REFUSALS), (name, said)

    def test_a_playlist_for_subtitles_is_ignored(self, disguised: Report) -> None:
        """The video that brings it is encoded."""
        assert disguised.said["gab2"] == ["encoded: 48p"]


EXPECTED: dict[str, str | tuple[str, ...]] = {
    "many-streams": "refused: The file holds more streams than any video does.",
    "hundred-streams": "refused: The file holds 100 streams; at most 64 are accepted.",
    # The pictures themselves tell how large they are, and are believed.
    "huge-claim": "encoded: 48p",
    "endless-claim": "refused: The video plays longer than",
    # Which is seen first depends on how fast the machine is.
    "endless-leap": (
        "failed: The video plays on far beyond the end that it claims.",
        f"failed: {TOO_DEMANDING}",
    ),
    "cut": "refused: The file is incomplete",
    "nothing-but-zeros": "refused: The file is not a video",
    "boxes-in-boxes": "refused: The file is not a video",
}
"""What can be known at once."""


@pytest.fixture(scope="module")
def absurd(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report(strongest().kind, hostile.absurd(), tmp_path_factory.mktemp("absurd"))


class TestAbsurdities:
    """Files that claim more than there is, and those that are not whole."""

    def test_each_ends_with_a_sentence(self, absurd: Report) -> None:
        """What can be known at once is said at once; the others end within their limits."""
        for name, said in absurd.said.items():
            assert all(SENTENCE.fullmatch(line) for line in said), (name, said)
            assert said[0].startswith(EXPECTED.get(name, "")), (name, said)

    def test_memory_is_bounded(self, absurd: Report) -> None:
        """No process took more than its share."""
        assert absurd.peak_bytes < MEMORY_BYTES

    def test_nobody_is_asked(self, absurd: Report, bait: Path, listener: socket.socket) -> None:
        """No other file is opened, and no address called."""
        assert_nothing_was_touched(absurd.trace, absurd.work, bait, listener)


@pytest.fixture(scope="module")
def fuzzed(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report(strongest().kind, hostile.fuzzed(), tmp_path_factory.mktemp("fuzzed"))


class TestFuzz:
    """Videos with bytes changed at random: always the same ones."""

    def test_each_ends_with_a_sentence(self, fuzzed: Report) -> None:
        """Some are encoded all the same, some are refused; none takes the encoder along."""
        assert len(fuzzed.said) == FUZZED
        for name, said in fuzzed.said.items():
            assert all(SENTENCE.fullmatch(line) for line in said), (name, said)
        beginnings = {said[-1].split(":")[0] for said in fuzzed.said.values()}
        assert {"encoded", "refused"} <= beginnings

    def test_memory_is_bounded(self, fuzzed: Report) -> None:
        """No process took more than its share."""
        assert fuzzed.peak_bytes < MEMORY_BYTES

    def test_nobody_is_asked(self, fuzzed: Report, bait: Path, listener: socket.socket) -> None:
        """No other file is opened, and no address called."""
        assert_nothing_was_touched(fuzzed.trace, fuzzed.work, bait, listener)


@pytest.mark.timeout(600)
class TestServer:
    """The same through a server's front door."""

    TITLE = "-i /etc/passwd; $(id)"

    def test_uploads(self, hostile: Hostile, bait: Path, listener: socket.socket, tmp_path: Path) -> None:
        """Each ends in a 4xx, in ERROR with a sentence, or in a video, at the first attempt.

        Titles and names reach no command line.
        """
        files = {**hostile.disguised(), **hostile.absurd(), **hostile.fuzzed(4)}
        trace_folder = tmp_path / "trace"
        trace_folder.mkdir()
        data = tmp_path / "data"
        trace, under = tracing(trace_folder)
        with running_server(data, under=under) as server:
            client = Client(server)
            job_ids = {}
            for name, path in files.items():
                named = shutil.copyfile(path, tmp_path / f"-f lavfi {path.name}")
                reply = client.send(named, title=self.TITLE)
                if reply.status == 201:
                    job_ids[name] = reply.json["job"]["id"]
                else:
                    assert 400 <= reply.status < 500, (name, reply.status)
                    assert reply.json["detail"].endswith(".")
            for name, job_id in job_ids.items():
                job = client.end_of(job_id)
                assert job["status"] == "COMPLETE" or job["error"]["message"].endswith("."), (name, job)
                assert job["last_error"] is None, (name, job)
                assert str(bait) not in str(job)
            assert server.stop() == 0
        assert_nothing_was_touched(trace, data, bait, listener)
        started = [line for line in trace.everything().splitlines() if line.startswith("execve(")]
        assert started
        if strongest().kind is Kind.BUBBLEWRAP:
            assert any("--unshare-all" in line for line in started)
        assert not [line for line in started if "-f lavfi" in line or "passwd" in line]
