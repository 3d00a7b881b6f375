"""tus-js-client in Node, which others wrote, sends a file in two goes."""

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from tests.browser.upload_page import make_clip
from tests.end_to_end.client import Client
from tests.facts import missing
from tests.services.server import ServerProcess, running_server

STATIC = Path(__file__).parents[2] / "static"
PROGRAM = Path(__file__).with_name("tus_js_client.mjs")
MEGABYTES = 8
STOP_AT = 3_500_000


def send(server: ServerProcess, file: Path, memory: Path, *more: str) -> list[list[object]]:
    """Run the client; return its requests: method, offset, and the status of the answer."""
    node = shutil.which("node")
    if node is None or not (STATIC / "node_modules/tus-js-client").is_dir():
        missing("there is no Node with tus-js-client: cd static && npm ci")
    endpoint = f"{server.url.rstrip('/')}/api/uploads"
    done = subprocess.run(
        [node, str(PROGRAM), str(STATIC / "package.json"), endpoint, str(file), str(memory), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    requests: list[list[object]] = json.loads(done.stdout)
    return requests


def test_it_stops_in_the_middle_and_goes_on(tmp_path: Path) -> None:
    """A second process begins where the first one was cut off, and the file is the same at the end."""
    clip = make_clip(tmp_path / "clip.mp4", MEGABYTES)
    memory = tmp_path / "memory.json"
    with running_server(tmp_path / "data") as server:
        begun = send(server, clip, memory, str(STOP_AT))
        assert begun[0] == ["POST", None, 201]
        acknowledged = [offset for _, offset, status in begun[1:] if status == 204]
        assert acknowledged[:3] == ["0", "1000000", "2000000"]
        rest = send(server, clip, memory)
        assert rest[0] == ["HEAD", None, 200]
        first, *_ = [int(str(offset)) for _, offset, _ in rest[1:]]
        assert first >= 1_000_000 * len(acknowledged)
        assert {status for _, _, status in rest[1:]} == {204}
        client = Client(server)
        (video,) = client.get("/api/videos").json["videos"]
        assert video["title"] == "From Node"
        list(client.follow(video["job_id"]))
        assert sha256(client.get(video["source_url"]).body).digest() == sha256(clip.read_bytes()).digest()
