"""Header fields of tus that contradict each other, or that a refused request should not have changed."""

import pytest

from tests.web.house import House, assert_problem, source_bytes
from tests.web.tus import CHUNK, VERSION, ask, create, offset_of, patch
from tests.web.wire import exchange, request_bytes

SOURCE = source_bytes(note="x" * 5000)


async def sent_twice(house: House, method: str, path: str, fields: dict[str, str], again: tuple[str, str]) -> int:
    """Send a request that has one field twice, which no client library does; return the status."""
    name, other = again
    first = f"{name}: {fields[name]}\r\n"
    whole = request_bytes(path, method=method, headers={**VERSION, **fields}, body=b"abc").decode()
    heard = await exchange(house.port, whole.replace(first, f"{first}{name}: {other}\r\n").encode())
    return heard.status


@pytest.mark.parametrize(
    ("twice", "other"),
    [
        ("Tus-Resumable", "0.2.2"),
        ("Upload-Length", "3"),
        ("Upload-Length", "4"),
        ("Upload-Metadata", "filename Yg=="),
        ("Upload-Concat", "final;/api/uploads/x"),
        ("Upload-Checksum", "md5 AAAA"),
    ],
)
async def test_a_creation_that_says_something_twice(house: House, twice: str, other: str) -> None:
    """It is refused, also where both say the same, and nothing is begun."""
    fields = {
        **VERSION,
        **CHUNK,
        "Upload-Length": "3",
        "Upload-Metadata": "filename YQ==",
        "Upload-Concat": "partial",
        "Upload-Checksum": "md5 kAFQmDzST7DWlj99KOF/cg==",
    }
    assert await sent_twice(house, "POST", "/api/uploads", fields, (twice, other)) == 400
    assert await house.catalog.uploads() == []


@pytest.mark.parametrize(
    ("twice", "other"),
    [
        ("Tus-Resumable", "1.0.0"),
        ("Upload-Offset", "0"),
        ("Upload-Offset", "5"),
        ("Upload-Length", "7"),
        ("Upload-Checksum", "md5 AAAA"),
        ("X-HTTP-Method-Override", "DELETE"),
    ],
)
async def test_a_piece_that_says_something_twice(house: House, twice: str, other: str) -> None:
    """It is refused, and nothing is added."""
    path = await create(house, len(SOURCE))
    fields = {
        **VERSION,
        **CHUNK,
        "Upload-Offset": "0",
        "Upload-Length": str(len(SOURCE)),
        "Upload-Checksum": "md5 kAFQmDzST7DWlj99KOF/cg==",
        "X-HTTP-Method-Override": "PATCH",
    }
    assert await sent_twice(house, "POST", path, fields, (twice, other)) == 400
    assert await offset_of(house, path) == 0


async def test_a_length_that_came_with_too_many_bytes(house: House) -> None:
    """It is refused with them: the next piece can still say the right one."""
    path = await create(house, Upload_Defer_Length=1)
    response = await patch(house, path, 0, SOURCE, Upload_Length=len(SOURCE) - 1)
    await assert_problem(response, 413, "too_large")
    assert "Upload-Length" not in (await ask(house, "HEAD", path)).headers
    assert (await patch(house, path, 0, SOURCE, Upload_Length=len(SOURCE))).status == 204


async def test_a_method_that_there_is_not_is_named(house: House) -> None:
    """By the name that the client gave, not by that under which it came."""
    path = await create(house, 5)
    response = await ask(house, "POST", path, {"X-HTTP-Method-Override": "GET"})
    assert (await response.json())["detail"] == "GET is not possible here."
