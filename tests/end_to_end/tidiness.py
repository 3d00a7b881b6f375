"""What a folder holds of a video that is complete: what is shown of it, and nothing else."""

import re
from pathlib import Path
from urllib.parse import urljoin

from tests.end_to_end.client import Client, Document


def assert_tidy(client: Client, data: Path, video: Document) -> None:
    """Check that a complete video is whole, can be fetched, and has no other files."""
    assert video["status"] == "complete"
    assert {rendition["status"] for rendition in video["renditions"]} == {"complete"}
    addresses = [rendition["file_url"] for rendition in video["renditions"]]
    addresses += [video["poster_url"]] if video["poster_url"] else []
    if video["storyboard_url"]:
        addresses.append(video["storyboard_url"])
        sheets = re.findall(r"^\S+\.jpg", client.get(video["storyboard_url"]).text, re.MULTILINE)
        addresses += [urljoin(video["storyboard_url"], name) for name in dict.fromkeys(sheets)]
    files = {path.name for path in (data / "media" / video["id"]).iterdir()}
    assert files == {"source", *(address.rsplit("/", 1)[-1] for address in addresses)}
    for address in (video["hls_url"], *addresses):
        assert client.ask(address).status == 200
    assert list((data / "incoming").iterdir()) == []
