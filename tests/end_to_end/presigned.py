"""How a program uploads by pre-signed URLs: it asks once with credentials, and lets curl do the rest."""

import json
import subprocess
from pathlib import Path

from tests.end_to_end.client import Client, Document

BEGIN = "/api/uploads/presigned"
HALF = 17 * 2**20
"""A part that is longer than the least, and that a file of twice this length has two of."""


def lengthened(clip: Path, target: Path) -> Path:
    """Make a video of two parts: players skip what follows the last box (ISO/IEC 14496-12, `free`)."""
    content = clip.read_bytes()
    target.write_bytes(content + free_box(2 * HALF - len(content)) + bytes(2 * HALF - len(content) - 8))
    return target


def free_box(size_bytes: int) -> bytes:
    """Return the header of a box of so many bytes that means nothing."""
    return size_bytes.to_bytes(4, "big") + b"free"


def begin(client: Client, file: Path, **wish: object) -> Document:
    """Ask for URLs."""
    wish = {"file_name": file.name, "size_bytes": file.stat().st_size, **wish}
    headers = {"Content-Type": "application/json"}
    reply = client.ask(BEGIN, method="POST", headers=headers, body=json.dumps(wish).encode())
    assert reply.status == 201, reply.body
    return reply.json


def curl(*arguments: str, content: bytes | None = None) -> str:
    """Run curl, which fails for every refusal; return what it printed."""
    command = ["curl", "--silent", "--show-error", "--fail-with-body", *arguments]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout.decode()


def refused_by(url: str, content: bytes) -> int:
    """Put bytes that are not taken; return the status."""
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "-T", "-", url]
    sized = [*command, "-H", f"Content-Length: {len(content)}", "-H", "Transfer-Encoding:"]
    done = subprocess.run(sized, input=content, capture_output=True, check=False)
    return int(done.stdout)


def put_all(offer: Document, file: Path) -> None:
    """Put what is missing: the whole, or each part from its place in the file."""
    if offer["url"]:
        curl("--upload-file", str(file), offer["url"])
    content = file.read_bytes()
    for part in offer["parts"]:
        stretch = content[part["offset"] : part["offset"] + part["size_bytes"]]
        curl("--request", "PUT", "--data-binary", "@-", "--header", "Content-Type:", part["url"], content=stretch)


def complete(offer: Document) -> Document:
    """Say that all is sent."""
    document: Document = json.loads(curl("--request", "POST", offer["complete_url"]))
    return document
