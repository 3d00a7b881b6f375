"""Pre-signed uploads as clients see them: URLs, parts, completion, and who is turned away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientTimeout
from yarl import URL

from streamserver.bucket.memory import MemoryBucket
from streamserver.clock import SystemClock
from streamserver.domain.parts import LEAST_PART_BYTES, Cut
from streamserver.domain.signing import Permit, signed_url
from streamserver.key_file import load_keys
from streamserver.web.presigned import PATIENCE_SECONDS
from tests.web.clock import skip
from tests.web.house import Document, House, assert_problem, open_house, source_bytes
from tests.web.test_openapi import assert_described
from tests.web.wire import connection, exchange, request_bytes

BEGIN = "/api/uploads/presigned"
SMALL = source_bytes(seconds=10)
LARGE = source_bytes(seconds=10, padding="x" * LEAST_PART_BYTES)
"""A bit more than two parts of the least length."""
CUT = Cut(length_bytes=len(LARGE), part_bytes=LEAST_PART_BYTES)
TOKEN = "a-long-token-of-anna"  # noqa: S105 - of a user that is not there
ELSEWHERE = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """A program without credentials, and the server's own."""

    house: House
    folder: Path

    async def begin(self, content: bytes = SMALL, *, status: int = 201, **wish: object) -> Document:
        wish = {"file_name": "some clip.mp4", "size_bytes": len(content), **wish}
        answer = await self.house.json(BEGIN, method="POST", json=wish, status=status)
        assert_described("POST", BEGIN, status, "application/json", answer)
        return answer

    async def put(self, url: str, content: bytes | AsyncIterator[bytes], **headers: str) -> ClientResponse:
        data = BytesIO(content) if isinstance(content, bytes) else content
        return await self.house.client.session.put(URL(url, encoded=True), data=data, headers=headers)

    async def send(self, url: str, content: bytes) -> str:
        """Put bytes that are taken; return the ETag."""
        async with await self.put(url, content) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.headers["ETag"] == f'"{sha256(content).hexdigest()}"'
            return answer.headers["ETag"]

    async def refused(self, url: str, content: bytes, status: int, code: str) -> str:
        """Put bytes that are not taken; return the sentence."""
        async with await self.put(url, content) as answer:
            assert_described("PUT", PART, status, "application/problem+json", await answer.json())
            return await assert_problem(answer, status, code)

    async def complete(self, offer: Document, *, status: int = 201, **said: object) -> Document:
        async with self.house.client.session.post(URL(offer["complete_url"], encoded=True), json=said) as answer:
            assert answer.status == status, await answer.text()
            document: Document = await answer.json()
            assert_described("POST", COMPLETE, status, answer.content_type, document)
            return document

    async def list(self, offer: Document) -> Document:
        async with self.house.client.session.get(URL(offer["parts_url"], encoded=True)) as answer:
            assert answer.status == 200, await answer.text()
            document: Document = await answer.json()
            assert_described("GET", PARTS, 200, "application/json", document)
            return document

    def signed(self, path: str, *, method: str = "PUT", max_bytes: int, expires_at: datetime) -> str:
        """Sign as the server does."""
        permit = Permit(method=method, path=path, max_bytes=max_bytes, expires_at=expires_at)
        (key,) = load_keys((), self.folder)
        return str(self.house.client.make_url("/")).rstrip("/") + signed_url(permit, key)


PART = "/api/uploads/{upload_id}/parts/{number}"
PARTS = "/api/uploads/{upload_id}/parts"
COMPLETE = "/api/uploads/{upload_id}/complete"


def content(number: int) -> bytes:
    part = CUT.part(number)
    return LARGE[part.position : part.position + part.size_bytes]


@pytest.fixture
async def uploader(tmp_path: Path) -> AsyncIterator[Uploader]:
    async with open_house(tmp_path, max_upload_bytes="1GB") as house:
        yield Uploader(house=house, folder=tmp_path)


async def test_a_small_file_needs_one_url(uploader: Uploader) -> None:
    """Put, complete, and it is encoded under the id that the upload had."""
    offer = await uploader.begin(title="My clip")
    assert (offer["part_bytes"], offer["parts"], offer["stored"]) == (None, [], [])
    job = await uploader.house.json(f"/api/jobs/{offer['id']}")
    assert (job["stage"], job["received_bytes"], job["size_bytes"]) == ("upload", 0, len(SMALL))
    await uploader.send(offer["url"], SMALL)
    answer = await uploader.complete(offer)
    assert (answer["video"]["title"], answer["job"]["id"]) == ("My clip", offer["id"])
    assert (await uploader.house.end_of(offer["id"])).error is None
    async with uploader.house.client.get(answer["video"]["source_url"]) as source:
        assert await source.read() == SMALL


async def test_a_large_file_comes_in_parts(uploader: Uploader) -> None:
    """In any order, again, and after a look at what is there; the ETags that were answered are held against it."""
    offer = await uploader.begin(LARGE, part_bytes=LEAST_PART_BYTES, sha256=sha256(LARGE).hexdigest().upper())
    assert (offer["url"], offer["part_bytes"]) == (None, LEAST_PART_BYTES)
    assert [(part["number"], part["offset"], part["size_bytes"]) for part in offer["parts"]] == [
        (part.number, part.position, part.size_bytes) for part in CUT.parts()
    ]
    etags = {3: await uploader.send(offer["parts"][2]["url"], content(3))}
    later = await uploader.list(offer)
    assert [part["number"] for part in later["parts"]] == [1, 2]
    assert later["stored"] == [{"number": 3, "size_bytes": len(content(3)), "etag": etags[3].strip('"')}]
    etags |= {part["number"]: await uploader.send(part["url"], content(part["number"])) for part in later["parts"]}
    await uploader.send(offer["parts"][0]["url"], content(1))
    answer = await uploader.complete(
        offer, parts=[{"number": number, "etag": etag} for number, etag in etags.items()]
    )
    async with uploader.house.client.get(answer["video"]["source_url"]) as source:
        assert await source.read() == LARGE


async def test_a_large_part_is_read_by_a_thread(uploader: Uploader) -> None:
    """Its connection ends with the answer, which is the same; one that breaks off can be sent again."""
    offer = await uploader.begin(LARGE, part_bytes=LEAST_PART_BYTES)
    part = offer["parts"][0]
    sent = request_bytes(URL(part["url"], encoded=True).raw_path_qs, method="PUT", body=content(1))
    async with connection(uploader.house.port) as (_, writer):
        writer.write(sent[:-1])
        await writer.drain()
    for _ in range(2):
        while (answer := await exchange(uploader.house.port, sent)).status == 423:  # noqa: ASYNC110 - sockets tell nobody here
            await asyncio.sleep(0.01)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert answer.headers["etag"] == f'"{sha256(content(1)).hexdigest()}"'
    assert [kept["number"] for kept in (await uploader.list(offer))["stored"]] == [1]


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        ("/parts/1", "/parts/2", "url_altered"),
        ("max_bytes=", "max_bytes=1", "url_altered"),
        ("expires=1", "expires=2", "url_altered"),
        ("key=", "key=x", "url_altered"),
        ("signature=", "signature=x", "url_altered"),
        ("signature=", "again=1&signature=", "url_altered"),
        ("/parts/1", "//parts/1", "not_found"),
    ],
)
async def test_an_altered_url_is_worth_nothing(uploader: Uploader, written: str, instead: str, code: str) -> None:
    """Whatever part of it was changed."""
    offer = await uploader.begin(LARGE)
    url = offer["url"].replace(written, instead)
    assert url != offer["url"]
    async with await uploader.put(url, LARGE) as answer:
        await assert_problem(answer, 404 if code == "not_found" else 403, code)
    assert (await uploader.list(offer))["stored"] == []


async def test_a_url_expires(uploader: Uploader) -> None:
    """And says so; nothing is read of what comes."""
    offer = await uploader.begin()
    path = f"/api/uploads/{offer['id']}/parts/1"
    late = datetime.now(UTC).replace(microsecond=0)
    url = uploader.signed(path, max_bytes=len(SMALL), expires_at=late)
    assert "expired" in await uploader.refused(url, SMALL, 403, "url_expired")
    good = uploader.signed(path, max_bytes=len(SMALL), expires_at=late + timedelta(hours=1))
    await uploader.send(good, SMALL)


async def test_a_url_is_for_its_method(uploader: Uploader) -> None:
    """One for a part lists nothing, one to complete takes no part."""
    offer = await uploader.begin()
    for method, url in (("GET", offer["complete_url"]), ("POST", offer["parts_url"]), ("DELETE", offer["url"])):
        async with uploader.house.client.session.request(method, URL(url, encoded=True)) as answer:
            assert answer.status in {403, 405}
    listing = offer["complete_url"].replace("/complete?", "/parts?")
    async with uploader.house.client.session.get(URL(listing, encoded=True)) as answer:
        await assert_problem(answer, 403, "url_altered")
    path = f"/api/uploads/{offer['id']}/parts/1"
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    url = uploader.signed(path, method="GET", max_bytes=len(SMALL), expires_at=later)
    assert "for GET, not for PUT" in await uploader.refused(url, SMALL, 403, "url_of_other_method")


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize(("count", "status", "code"), [(-1, 400, "bad_input"), (1, 413, "too_large")])
async def test_a_part_has_its_length(
    uploader: Uploader, count: int, status: int, code: str, is_announced: bool
) -> None:
    """Fewer bytes and more are refused, announced or not, and the part can be sent again."""
    offer = await uploader.begin()
    sent = (SMALL + b"x")[: len(SMALL) + count]

    async def chunks() -> AsyncIterator[bytes]:
        yield sent

    async with await uploader.put(offer["url"], sent if is_announced else chunks()) as answer:
        await assert_problem(answer, status, code)
    assert (await uploader.list(offer))["stored"] == []
    await uploader.send(offer["url"], SMALL)


async def test_who_goes_silent_is_told_so(uploader: Uploader) -> None:
    """408 after a while, and the connection ends; the part can be sent again."""
    offer = await uploader.begin()
    gate = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield SMALL[:5]
        await gate.wait()

    endless = ClientTimeout(total=None)
    url = URL(offer["url"], encoded=True)
    sending = asyncio.create_task(uploader.house.client.session.put(url, data=chunks(), timeout=endless))
    while not (await asyncio.wait({sending}, timeout=0.05))[0]:
        skip(PATIENCE_SECONDS)
    async with await sending as answer:
        await assert_problem(answer, 408, "too_slow")
    gate.set()
    await uploader.send(offer["url"], SMALL)


async def test_a_url_limits_the_bytes(uploader: Uploader) -> None:
    """Also where it was signed for fewer than the part has."""
    offer = await uploader.begin()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    url = uploader.signed(f"/api/uploads/{offer['id']}/parts/1", max_bytes=len(SMALL) - 1, expires_at=later)
    await uploader.refused(url, SMALL, 413, "too_large")


@pytest.mark.parametrize("number", ["0", "2", "10001", "100000", "1x", "%31%30", "-1"])
async def test_there_are_no_other_parts(uploader: Uploader, number: str) -> None:
    """A signature does not help."""
    offer = await uploader.begin()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    path = f"/api/uploads/{offer['id']}/parts/{number}"
    await uploader.refused(uploader.signed(path, max_bytes=len(SMALL), expires_at=later), SMALL, 404, "not_found")


async def test_all_parts_have_to_be_there(uploader: Uploader) -> None:
    """The answer names those that are not."""
    offer = await uploader.begin(LARGE, part_bytes=LEAST_PART_BYTES)
    await uploader.send(offer["parts"][1]["url"], content(2))
    answer = await uploader.complete(offer, status=409)
    assert (answer["code"], answer["detail"]) == (
        "incomplete",
        "Not all parts are here; please send parts 1 and 3.",
    )


async def test_what_was_sent_has_to_be_right(uploader: Uploader) -> None:
    """What differs can be sent again, a part as well as the whole."""
    offer = await uploader.begin()
    await uploader.send(offer["url"], SMALL[::-1])
    answer = await uploader.complete(offer, status=460, parts=[{"number": 1, "etag": sha256(SMALL).hexdigest()}])
    assert (answer["code"], "part 1 again" in answer["detail"]) == ("checksum_mismatch", True)
    answer = await uploader.complete(offer, status=460, sha256=sha256(SMALL).hexdigest())
    assert "SHA-256" in answer["detail"]
    assert (await uploader.house.json(f"/api/jobs/{offer['id']}"))["error"] is None
    await uploader.send(offer["url"], SMALL)
    await uploader.complete(offer, status=201, sha256=sha256(SMALL).hexdigest())


async def test_complete_is_said_once_or_more(uploader: Uploader) -> None:
    """Whoever says it again hears what became of it."""
    offer = await uploader.begin()
    await uploader.send(offer["url"], SMALL)
    first = await uploader.complete(offer)
    again = await uploader.complete(offer, status=200)
    assert (again["video"]["id"], again["job"]["id"]) == (first["video"]["id"], first["job"]["id"])
    await uploader.refused(offer["url"], SMALL, 404, "not_found")


async def test_a_file_that_is_there_is_not_kept_twice(tmp_path: Path) -> None:
    """Whoever sends it again is led to the video that has it."""
    async with open_house(tmp_path, keep_duplicates=False) as house:
        uploader = Uploader(house=house, folder=tmp_path)
        videos = []
        for status in (201, 200):
            offer = await uploader.begin()
            await uploader.send(offer["url"], SMALL)
            answer = await uploader.complete(offer, status=status)
            assert (answer["job"]["id"], answer["job"]["is_duplicate"]) == (offer["id"], status == 200)
            videos.append(answer["video"]["id"])
        assert videos[0] == videos[1]
        assert await house.blobs.incoming_sizes() == {}


async def test_two_at_once_make_one_video(uploader: Uploader) -> None:
    """Each of them hears 201, 200 or 423."""
    offer = await uploader.begin(LARGE)
    await uploader.send(offer["url"], LARGE)

    async def complete() -> int:
        async with uploader.house.client.session.post(URL(offer["complete_url"], encoded=True)) as answer:
            return answer.status

    statuses = await asyncio.gather(*(complete() for _ in range(5)))
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 200, 423}
    assert len((await uploader.house.json("/api/videos"))["videos"]) == 1


@pytest.mark.parametrize(
    ("wish", "status", "sentence"),
    [
        ({"file_name": None}, 400, "file_name, a text"),
        ({"file_name": 5}, 400, "file_name, a text"),
        ({"size_bytes": None}, 400, "size_bytes, a whole number"),
        ({"size_bytes": "5"}, 400, "size_bytes, a whole number"),
        ({"size_bytes": True}, 400, "size_bytes, a whole number"),
        ({"size_bytes": 1.5}, 400, "size_bytes, a whole number"),
        ({"size_bytes": 0}, 400, "size_bytes must be from 1"),
        ({"size_bytes": 10**9 + 1}, 413, "larger than the 1 GB"),
        ({"size_bytes": 10**30}, 400, "size_bytes must be from 1"),
        ({"part_bytes": LEAST_PART_BYTES - 1}, 400, "part_bytes must be from 16777216"),
        ({"part_bytes": "many"}, 400, "part_bytes, a whole number"),
        ({"sha256": "abc"}, 400, "sha256 is written in hexadecimal"),
        ({"sha256": 5}, 400, "sha256, a text"),
        ({"title": 5}, 400, "title, a text"),
        ({"title": "x" * 1000}, 400, "title"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(
    uploader: Uploader, wish: dict[str, object], status: int, sentence: str
) -> None:
    """With a sentence that says what is possible, and nothing is begun."""
    given = {"file_name": "a.mp4", "size_bytes": 5, **wish}
    async with uploader.house.client.post(BEGIN, json=given) as answer:
        code = "too_large" if status == 413 else "bad_input"
        assert sentence in await assert_problem(answer, status, code)
    assert (await uploader.house.json("/api/jobs"))["jobs"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 50_000, b'"' + b"x" * 70_000 + b'"'])
async def test_what_is_no_json_is_refused(uploader: Uploader, body: bytes) -> None:
    """Both at the beginning and in the end, where nothing at all is good."""
    async with uploader.house.client.post(BEGIN, data=body) as answer:
        assert answer.status in {400, 413}
    offer = await uploader.begin()
    if body:
        async with uploader.house.client.session.post(
            URL(offer["complete_url"], encoded=True), data=body
        ) as answer:
            assert answer.status == 400
    for parts in (5, [5], [{"number": "1", "etag": "x"}], [{"number": 1}], [{"number": 2, "etag": "x"}]):
        assert await uploader.complete(
            offer, status=409 if parts == [{"number": 2, "etag": "x"}] else 400, parts=parts
        )


async def test_only_who_may_gets_urls(tmp_path: Path) -> None:
    """With tokens set, a token of an importer is needed for URLs; who has them needs none."""
    async with open_house(tmp_path, tokens=f"anna={TOKEN} ben=b-{TOKEN}", importers="anna") as house:
        wish = {"file_name": "a.mp4", "size_bytes": len(SMALL)}
        async with house.client.post(BEGIN, json=wish) as answer:
            await assert_problem(answer, 401, "unauthorized")
        async with house.client.post(BEGIN, json=wish, headers={"Authorization": f"Bearer b-{TOKEN}"}) as answer:
            await assert_problem(answer, 403, "forbidden")
        anna = {"Authorization": f"Bearer {TOKEN}"}
        offer = await house.json(BEGIN, method="POST", json=wish, headers=anna, status=201)
        uploader = Uploader(house=house, folder=tmp_path)
        await uploader.refused(offer["url"].partition("?")[0], SMALL, 401, "unauthorized")
        await uploader.send(offer["url"], SMALL)
        await house.json(f"/api/uploads/{offer['id']}/parts", headers=anna)
        await house.json(f"/api/uploads/{offer['id']}/parts", status=401)
        ben = {"Authorization": f"Bearer b-{TOKEN}"}
        await house.json(f"/api/uploads/{offer['id']}/parts", headers=ben, status=403)
        await uploader.complete(offer)


@pytest.mark.parametrize("origins", ["*", "https://elsewhere.example"])
async def test_pages_of_other_origins_may_use_them(tmp_path: Path, origins: str) -> None:
    """Their browsers ask before, and may read the answers; the ETag too."""
    async with open_house(tmp_path, upload_origins=origins) as house:
        uploader = Uploader(house=house, folder=tmp_path)
        offer = await uploader.begin()
        asked = {**ELSEWHERE, "Access-Control-Request-Method": "PUT"}
        async with house.client.session.options(URL(offer["url"], encoded=True), headers=asked) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == origins
            assert answer.headers["Access-Control-Allow-Methods"] == "PUT"
            assert answer.headers["Access-Control-Allow-Headers"] == "*"
        for method, url in (("PUT", offer["url"]), ("GET", offer["parts_url"]), ("POST", offer["complete_url"])):
            data = SMALL if method == "PUT" else None
            async with house.client.session.request(
                method, URL(url, encoded=True), data=data, headers=ELSEWHERE
            ) as answer:
                assert answer.status in {200, 201}
                assert answer.headers["Access-Control-Allow-Origin"] == origins
                assert answer.headers["Access-Control-Expose-Headers"] == "ETag"


async def test_other_pages_are_kept_out(tmp_path: Path) -> None:
    """Those of origins that are not named, those without a signature, and from everything else."""
    async with open_house(tmp_path, upload_origins="https://good.example") as house:
        uploader = Uploader(house=house, folder=tmp_path)
        offer = await uploader.begin()
        async with await uploader.put(offer["url"], SMALL, **ELSEWHERE) as answer:
            await assert_problem(answer, 403, "forbidden")
            assert "Access-Control-Allow-Origin" not in answer.headers
        good = {**ELSEWHERE, "Origin": "https://good.example"}
        async with await uploader.put(offer["url"].partition("?")[0], SMALL, **good) as answer:
            await assert_problem(answer, 403, "forbidden")
        async with house.client.post(f"{BEGIN}?signature=x", json={}, headers=good) as answer:
            await assert_problem(answer, 403, "forbidden")
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with await uploader.put(offer["url"], SMALL, **good) as answer:
            assert answer.status == 200


async def test_urls_name_the_server_as_it_is_reached(tmp_path: Path) -> None:
    """By the address that is set, or else by the one that was asked."""
    async with open_house(tmp_path, public_url="https://videos.example/") as house:
        offer = await Uploader(house=house, folder=tmp_path).begin()
        for url in (offer["url"], offer["parts_url"], offer["complete_url"], offer["job_url"]):
            assert url.startswith("https://videos.example/api/")
    async with open_house(tmp_path) as house:
        wish = {"file_name": "a.mp4", "size_bytes": 5}
        offer = await house.json(BEGIN, method="POST", json=wish, headers={"Host": "front:81"}, status=201)
        assert offer["url"].startswith("http://front:81/api/uploads/")
        for bad in ("a b", "a:b", "[::1", "a:99999999", "@", "a/b", "\u00e4"):
            async with house.client.post(BEGIN, json=wish, headers={"Host": bad}) as answer:
                assert answer.status in {201, 400}, bad


async def test_what_goes_to_a_bucket_does_not_come_here(tmp_path: Path) -> None:
    """The URLs are the bucket's; the video is processing when all is said to be there, and then fetched."""
    bucket = MemoryBucket(SystemClock())
    async with open_house(tmp_path, bucket=bucket) as house:
        uploader = Uploader(house=house, folder=tmp_path)
        offer = await uploader.begin()
        assert (await uploader.complete(offer, status=409))["code"] == "incomplete"
        etag = bucket.put(offer["url"], SMALL)
        assert (await uploader.list(offer))["stored"] == [{"number": 1, "size_bytes": len(SMALL), "etag": etag}]
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        here = uploader.signed(f"/api/uploads/{offer['id']}/parts/1", max_bytes=len(SMALL), expires_at=later)
        assert "goes to the bucket" in await uploader.refused(here, SMALL, 409, "conflict")
        answer = await uploader.complete(offer, status=202)
        assert answer["video"]["status"] == "processing"
        assert (await house.end_of(offer["id"])).error is None
        async with house.client.get(answer["video"]["source_url"]) as source:
            assert await source.read() == SMALL
        assert (await uploader.complete(offer, status=200))["job"]["status"] == "COMPLETE"
