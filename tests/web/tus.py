"""A client of tus that sends exactly what a test wants, and nothing by itself."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import ClientResponse

from tests.web.house import House

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """Return `Upload-Metadata`."""
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())


async def ask(
    house: House,
    method: str,
    path: str,
    headers: Mapping[str, object] | None = None,
    body: bytes | AsyncIterator[bytes] | None = None,
) -> ClientResponse:
    """Send a request with the version; a field whose value is None is left out."""
    fields: dict[str, Any] = {**VERSION, **(headers or {})}
    sent = {name: str(value) for name, value in fields.items() if value is not None}
    async with house.client.request(
        method, path, headers=sent, data=body, skip_auto_headers=["Content-Type"], allow_redirects=False
    ) as response:
        await response.read()
        return response


async def create(house: House, length: int | None = None, **headers: object) -> str:
    """Begin an upload and return its address."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if length is not None:
        fields["Upload-Length"] = length
    response = await ask(house, "POST", "/api/uploads", fields)
    assert response.status == 201, await response.text()
    return response.headers["Location"]


async def patch(
    house: House, path: str, offset: int, body: bytes | AsyncIterator[bytes], **headers: object
) -> ClientResponse:
    """Send a piece of an upload."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(house, "PATCH", path, {"Upload-Offset": offset, **CHUNK, **fields}, body)


async def offset_of(house: House, path: str) -> int:
    """Return how much of an upload there is."""
    response = await ask(house, "HEAD", path)
    assert response.status == 200
    return int(response.headers["Upload-Offset"])


async def send(house: House, content: bytes, **headers: object) -> str:
    """Upload something in one piece, and return its id."""
    path = await create(house, len(content), **headers)
    response = await patch(house, path, 0, content)
    assert response.status == 204, await response.text()
    return path.rsplit("/", 1)[1]
