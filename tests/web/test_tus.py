"""Resumable uploads as tus 1.0.0 describes them: every step, every status."""

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.flows.tus import SILENCE_SECONDS
from tests.web.clock import skip, until
from tests.web.house import MAX_UPLOAD_BYTES, House, assert_problem, open_house, source_bytes
from tests.web.tus import CHUNK, VERSION, ask, create, metadata, offset_of, patch, send
from tests.web.wire import connection, exchange, hear, request_bytes

SOURCE = source_bytes(note="x" * 5000)
HALF = len(SOURCE) // 2


async def source_of(house: House, upload_id: str) -> bytes:
    """Return the source of the video that an upload has become."""
    job = await house.json(f"/api/jobs/{upload_id}")
    video = await house.json(f"/api/videos/{job['video_id']}")
    async with house.client.get(video["source_url"]) as response:
        return await response.read()


def checksum_of(content: bytes, algorithm: str = "sha1") -> str:
    """Return `Upload-Checksum`."""
    digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return f"{algorithm} {b64encode(digest).decode()}"


class TestCore:
    """Looking, adding, and what is possible."""

    async def test_a_file_in_pieces(self, house: House) -> None:
        """Each piece is acknowledged with the new offset; the last one makes the upload a video and a job."""
        path = await create(house, len(SOURCE), Upload_Metadata=metadata(filename="my_clip.mp4", title="A title"))
        for start in range(0, len(SOURCE), 1000):
            assert await offset_of(house, path) == start
            response = await patch(house, path, start, SOURCE[start : start + 1000])
            assert response.status == 204
            assert response.headers["Upload-Offset"] == str(min(start + 1000, len(SOURCE)))
        upload_id = path.rsplit("/", 1)[1]
        assert await source_of(house, upload_id) == SOURCE
        assert (await house.end_of(upload_id)).status is JobStatus.COMPLETE
        (video,) = (await house.json("/api/videos"))["videos"]
        assert (video["title"], video["job_id"]) == ("A title", upload_id)

    async def test_looking(self, house: House) -> None:
        """HEAD tells offset, length, metadata and expiry, and no cache keeps that."""
        said = metadata(filename="ä.mp4") + ",is_confidential"
        path = await create(house, 100, Upload_Metadata=said)
        headers = (await ask(house, "HEAD", path)).headers
        assert (headers["Upload-Offset"], headers["Upload-Length"]) == ("0", "100")
        assert headers["Upload-Metadata"] == said
        assert headers["Cache-Control"] == "no-store"
        assert headers["Tus-Resumable"] == "1.0.0"
        assert not {"Upload-Defer-Length", "Upload-Concat"} & set(headers)

    async def test_looking_at_one_that_is_whole(self, house: House) -> None:
        """It has all of its bytes, and its metadata as sent; a last piece once more is acknowledged again."""
        said = metadata(filename="a.mp4")
        upload_id = await send(house, SOURCE, Upload_Metadata=said)
        path = f"/api/uploads/{upload_id}"
        headers = (await ask(house, "HEAD", path)).headers
        assert headers["Upload-Offset"] == headers["Upload-Length"] == str(len(SOURCE))
        assert headers["Upload-Metadata"] == said
        assert "Upload-Expires" not in headers
        assert (await patch(house, path, len(SOURCE), b"")).status == 204
        await assert_problem(await patch(house, path, 0, SOURCE), 409, "conflict")
        await assert_problem(await patch(house, path, len(SOURCE), b"x"), 413, "too_large")

    @pytest.mark.parametrize("offset", ["1", "4999", "99999999999"])
    async def test_bytes_that_belong_elsewhere(self, house: House, offset: str) -> None:
        """409, with where to go on, and nothing is changed."""
        path = await create(house, len(SOURCE))
        await patch(house, path, 0, SOURCE[:50])
        response = await ask(house, "PATCH", path, {"Upload-Offset": offset, **CHUNK}, b"x")
        assert "has 50 bytes" in await assert_problem(response, 409, "conflict")
        assert await offset_of(house, path) == 50

    @pytest.mark.parametrize("offset", [None, "", "-1", "x", "1.0"])
    async def test_an_offset_that_is_none(self, house: House, offset: str | None) -> None:
        """400, with the name of the field."""
        path = await create(house, len(SOURCE))
        response = await ask(house, "PATCH", path, {"Upload-Offset": offset, **CHUNK}, b"x")
        assert "Upload-Offset" in await assert_problem(response, 400, "bad_input")

    @pytest.mark.parametrize(
        "content_type", [None, "", "video/mp4", "application/octet-stream", "multipart/form-data"]
    )
    async def test_another_type(self, house: House, content_type: str | None) -> None:
        """415, with the type that is wanted, and nothing is changed."""
        path = await create(house, len(SOURCE))
        response = await ask(house, "PATCH", path, {"Upload-Offset": 0, "Content-Type": content_type}, b"x")
        assert "application/offset+octet-stream" in await assert_problem(response, 415, "unsupported_media")
        assert await offset_of(house, path) == 0

    async def test_too_many_bytes(self, house: House) -> None:
        """413, whether they are announced or only come, and the upload can be finished with the right ones."""
        path = await create(house, len(SOURCE))
        await assert_problem(await patch(house, path, 0, SOURCE + b"x"), 413, "too_large")

        async def pieces() -> AsyncIterator[bytes]:
            yield SOURCE[:1000]
            yield SOURCE[1000:] + b"x"

        await assert_problem(await patch(house, path, 0, pieces()), 413, "too_large")
        offset = await offset_of(house, path)
        assert offset <= 1000
        assert (await patch(house, path, offset, SOURCE[offset:])).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE

    @pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
    async def test_one_that_is_not_there(self, house: House, method: str) -> None:
        """404, without an offset."""
        fields = {"Upload-Offset": 0, **CHUNK} if method == "PATCH" else {}
        response = await ask(house, method, "/api/uploads/0123456789abcdef", fields, b"" if fields else None)
        assert response.status == 404
        assert "Upload-Offset" not in response.headers
        assert await house.blobs.incoming_sizes() == {}

    async def test_uploads_of_other_kinds(self, house: House) -> None:
        """A file that comes by form is none of tus' business."""
        async with house.services.receive.upload() as one_go:
            await one_go.write(SOURCE)
            (upload,) = await house.catalog.uploads()
            path = f"/api/uploads/{upload.id}"
            assert (await ask(house, "HEAD", path)).status == 410
            assert (await patch(house, path, 0, b"x")).status == 410

    @pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0", "1.0.1", "2.0.0"])
    async def test_another_version(self, house: House, version: str | None) -> None:
        """412 with the version that is spoken, and the request is not carried out."""
        path = await create(house, len(SOURCE))
        for method, address, fields in (
            ("POST", "/api/uploads", {"Upload-Length": 5}),
            ("HEAD", path, {}),
            ("PATCH", path, {"Upload-Offset": 0, **CHUNK}),
            ("DELETE", path, {}),
        ):
            response = await ask(house, method, address, {**fields, "Tus-Resumable": version})
            assert response.status == 412
            assert response.headers["Tus-Version"] == response.headers["Tus-Resumable"] == "1.0.0"
        assert [upload.id for upload in await house.catalog.uploads()] == [path.rsplit("/", 1)[1]]

    @pytest.mark.parametrize("path", ["/api/uploads", "/api/uploads/0123456789abcdef"])
    @pytest.mark.parametrize("version", [None, "0.0.1"])
    async def test_what_is_possible(self, house: House, path: str, version: str | None) -> None:
        """OPTIONS names version, extensions, largest file and checksums, whatever version it is asked with."""
        response = await ask(house, "OPTIONS", path, {"Tus-Resumable": version})
        assert response.status == 204
        headers = response.headers
        assert headers["Tus-Version"] == headers["Tus-Resumable"] == "1.0.0"
        assert headers["Tus-Max-Size"] == str(MAX_UPLOAD_BYTES)
        assert set(headers["Tus-Extension"].split(",")) == {
            *("creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum"),
            *("termination", "concatenation"),
        }
        assert {"sha1", "md5", "sha256"} <= set(headers["Tus-Checksum-Algorithm"].split(","))

    async def test_methods_by_field(self, house: House) -> None:
        """X-HTTP-Method-Override makes a POST whatever it says, and no other method its own."""
        path = await create(house, len(SOURCE))
        override = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": 0, **CHUNK}
        assert (await ask(house, "POST", path, override, SOURCE[:10])).status == 204
        response = await ask(house, "POST", path, {"X-HTTP-Method-Override": "HEAD"})
        assert (response.status, response.headers["Upload-Offset"]) == (200, "10")
        assert (await ask(house, "PATCH", path, {"X-HTTP-Method-Override": "DELETE"})).status == 204
        assert (await ask(house, "HEAD", path)).status == 404

    @pytest.mark.parametrize(
        ("method", "override"), [("POST", None), ("POST", "GET"), ("POST", "TRACE"), ("PATCH", "POST")]
    )
    async def test_methods_that_there_are_not(self, house: House, method: str, override: str | None) -> None:
        """405, with those there are."""
        path = await create(house, 5)
        response = await ask(house, method, path, {"X-HTTP-Method-Override": override})
        assert response.status == 405
        assert set(response.headers["Allow"].split(",")) >= {"PATCH", "DELETE"}
        assert await offset_of(house, path) == 0

    @pytest.mark.parametrize("path", ["/api/uploads", "/api/uploads/0123456789abcdef"])
    async def test_every_answer_names_the_version(self, house: House, path: str) -> None:
        """Also those that refuse a page of another site, and methods that there are not."""
        for method, headers in (("POST", {"Sec-Fetch-Site": "cross-site"}), ("PUT", {})):
            response = await ask(house, method, path, headers)
            assert response.status in {403, 405}
            assert response.headers["Tus-Resumable"] == "1.0.0"

    async def test_a_page_of_another_site_changes_nothing(self, house: House) -> None:
        """Neither by a method that changes things, nor by one that only seems not to."""
        path = await create(house, len(SOURCE))
        for method in ("HEAD", "POST", "DELETE"):
            headers = {"X-HTTP-Method-Override": "DELETE", "Sec-Fetch-Site": "cross-site"}
            assert (await ask(house, method, path, headers)).status == 403
        assert await offset_of(house, path) == 0


class TestCreation:
    """How uploads begin."""

    async def test_where_it_is(self, house: House) -> None:
        """201 with an address below the one that was asked, and when it expires."""
        response = await ask(house, "POST", "/api/uploads", {"Upload-Length": 5})
        assert response.status == 201
        assert response.headers["Location"].startswith("/api/uploads/")
        expires_at = parsedate_to_datetime(response.headers["Upload-Expires"])
        assert timedelta(days=2) < expires_at - datetime.now(UTC) < timedelta(days=4)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"Upload-Length": "-1"},
            {"Upload-Length": "x"},
            {"Upload-Length": "5", "Upload-Defer-Length": "1"},
            {"Upload-Defer-Length": "2"},
            {"Upload-Length": "0"},
            {"Upload-Length": "5", "Upload-Metadata": "filename *"},
            {"Upload-Length": "5", "Upload-Metadata": metadata(title="x" * 201)},
            {"Upload-Length": "5", "Upload-Metadata": metadata(sha256="abc")},
            {"Upload-Length": "5", "Upload-Concat": "some"},
        ],
        ids=str,
    )
    async def test_what_cannot_begin(self, house: House, fields: dict[str, object]) -> None:
        """Nothing, and a 400 with a sentence: without a length, with one that is none, and so on."""
        await assert_problem(await ask(house, "POST", "/api/uploads", fields), 400, "bad_input")
        assert await house.catalog.uploads() == []

    async def test_one_that_is_too_large(self, house: House) -> None:
        """413; the largest one may begin."""
        response = await ask(house, "POST", "/api/uploads", {"Upload-Length": MAX_UPLOAD_BYTES + 1})
        await assert_problem(response, 413, "too_large")
        await create(house, MAX_UPLOAD_BYTES)

    async def test_a_name_is_a_title(self, house: House) -> None:
        """Without a title the video is called like its file, without one as well like nothing in particular."""
        for number, (said, title) in enumerate(
            (
                (metadata(filename="../holiday_in_rome.mp4"), "holiday in rome"),
                (metadata(name="b.mov"), "b"),
                ("", "video"),
            )
        ):
            upload_id = await send(house, source_bytes(number=number), Upload_Metadata=said)
            job = await house.json(f"/api/jobs/{upload_id}")
            assert (await house.json(f"/api/videos/{job['video_id']}"))["title"] == title

    async def test_with_the_first_bytes(self, house: House) -> None:
        """The answer tells how many were taken; the rest follows, or all of them were there."""
        fields = {"Upload-Length": len(SOURCE), **CHUNK}
        response = await ask(house, "POST", "/api/uploads", fields, SOURCE[:HALF])
        assert (response.status, response.headers["Upload-Offset"]) == (201, str(HALF))
        path = response.headers["Location"]
        assert (await patch(house, path, HALF, SOURCE[HALF:])).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE
        response = await ask(house, "POST", "/api/uploads", fields, SOURCE)
        assert (response.status, response.headers["Upload-Offset"]) == (201, str(len(SOURCE)))
        assert await source_of(house, response.headers["Location"].rsplit("/", 1)[1]) == SOURCE

    async def test_with_bytes_of_another_type(self, house: House) -> None:
        """415, and nothing begins."""
        fields = {"Upload-Length": 5, "Content-Type": "video/mp4"}
        await assert_problem(await ask(house, "POST", "/api/uploads", fields, b"12345"), 415, "unsupported_media")
        assert await house.catalog.uploads() == []

    async def test_with_bytes_that_cannot_be(self, house: House) -> None:
        """The refusal tells the address, where the upload can be looked at."""
        fields = {"Upload-Length": 9000, **CHUNK}
        response = await ask(house, "POST", "/api/uploads", fields, b"a text file\n" * 700)
        await assert_problem(response, 415, "unsupported_media")
        assert (await ask(house, "HEAD", response.headers["Location"])).status == 410

    async def test_a_length_that_is_said_later(self, house: House) -> None:
        """Until then HEAD says so; once said it cannot be changed; the last piece may be the one that says it."""
        path = await create(house, Upload_Defer_Length=1)
        headers = (await ask(house, "HEAD", path)).headers
        assert headers["Upload-Defer-Length"] == "1"
        assert "Upload-Length" not in headers
        assert (await patch(house, path, 0, SOURCE[:100])).status == 204
        for wrong in (99, MAX_UPLOAD_BYTES + 1):
            response = await patch(house, path, 100, b"", Upload_Length=wrong)
            assert response.status == (400 if wrong == 99 else 413)
        assert (await patch(house, path, 100, b"", Upload_Length=len(SOURCE))).status == 204
        headers = (await ask(house, "HEAD", path)).headers
        assert headers["Upload-Length"] == str(len(SOURCE))
        assert "Upload-Defer-Length" not in headers
        response = await patch(house, path, 100, SOURCE[100:], Upload_Length=len(SOURCE) + 1)
        await assert_problem(response, 400, "bad_input")
        assert (await patch(house, path, 100, SOURCE[100:], Upload_Length=len(SOURCE))).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE

    async def test_a_length_that_nobody_says_has_an_end(self, house: House) -> None:
        """Without a length no more than the largest file is taken."""
        path = await create(house, Upload_Defer_Length=1)

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(MAX_UPLOAD_BYTES // 10_000 + 1):
                yield bytes(10_000)

        await assert_problem(await patch(house, path, 0, endless()), 413, "too_large")

    async def test_an_answer_before_the_bytes(self, house: House) -> None:
        """Who waits for 100 Continue gets a refusal in its place, and otherwise is told to go on."""
        path = await create(house, len(SOURCE))
        fields = {**VERSION, **CHUNK, "Expect": "100-continue", "Content-Length": str(len(SOURCE))}
        for offset, status in (("5", 409), ("0", 100)):
            head = request_bytes(path, method="PATCH", headers={**fields, "Upload-Offset": offset})
            async with connection(house.port) as (reader, writer):
                writer.write(head)
                heard = await hear(reader)
                assert heard.status == status
                if status == 100:
                    writer.write(SOURCE)
                    assert (await hear(reader, has_body=False)).status == 204


class TestChecksums:
    """Pieces that are checked."""

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
    async def test_pieces_that_are_right(self, house: House, algorithm: str) -> None:
        """They are taken as others are."""
        path = await create(house, len(SOURCE))
        for start, end in ((0, HALF), (HALF, len(SOURCE))):
            piece = SOURCE[start:end]
            response = await patch(house, path, start, piece, Upload_Checksum=checksum_of(piece, algorithm))
            assert response.status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE
        assert await house.blobs.incoming_sizes() == {}

    async def test_a_piece_that_is_not(self, house: House) -> None:
        """460, nothing of it is kept, and the right one is taken afterwards."""
        path = await create(house, len(SOURCE))
        await patch(house, path, 0, SOURCE[:10])
        checksum = checksum_of(SOURCE[10:HALF])
        wrong = SOURCE[10 : HALF - 1] + bytes([SOURCE[HALF - 1] ^ 1])
        response = await patch(house, path, 10, wrong, Upload_Checksum=checksum)
        await assert_problem(response, 460, "checksum_mismatch")
        assert response.reason == "Checksum Mismatch"
        assert await offset_of(house, path) == 10
        assert list(await house.blobs.incoming_sizes()) == [path.rsplit("/", 1)[1]]
        assert (await patch(house, path, 10, SOURCE[10:HALF], Upload_Checksum=checksum)).status == 204
        assert await offset_of(house, path) == HALF

    @pytest.mark.parametrize("checksum", ["crc32 AAAA", "sha1", "sha1 *", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0="])
    async def test_a_checksum_that_is_none(self, house: House, checksum: str) -> None:
        """400, and nothing is taken."""
        path = await create(house, len(SOURCE))
        response = await patch(house, path, 0, SOURCE[:10], Upload_Checksum=checksum)
        await assert_problem(response, 400, "bad_input")
        assert await offset_of(house, path) == 0

    async def test_one_that_is_none_in_a_creation(self, house: House) -> None:
        """400, and nothing is begun that its client would never hear of."""
        fields = {"Upload-Length": len(SOURCE), "Upload-Checksum": "crc32 AAAA", **CHUNK}
        await assert_problem(await ask(house, "POST", "/api/uploads", fields, SOURCE[:10]), 400, "bad_input")
        assert await house.catalog.uploads() == []

    async def test_a_piece_that_is_cut_off(self, house: House) -> None:
        """What cannot be checked is not kept."""
        path = await create(house, len(SOURCE))
        checksum = checksum_of(SOURCE)
        fields = {**VERSION, **CHUNK, "Upload-Offset": "0", "Upload-Checksum": checksum}
        whole = request_bytes(path, method="PATCH", headers=fields, body=SOURCE)
        async with connection(house.port) as (_, writer):
            writer.write(whole[:-10])
            await until(lambda: house.services.receive.under_way == 1)
        await until(lambda: house.services.receive.under_way == 0)
        assert await offset_of(house, path) == 0
        assert list(await house.blobs.incoming_sizes()) == [path.rsplit("/", 1)[1]]

    async def test_a_whole_file_that_is_another(self, house: House) -> None:
        """Where the announced SHA-256 is not that of what came it is no video, and the job says why."""
        said = metadata(sha256=hashlib.sha256(b"other").hexdigest())
        path = await create(house, len(SOURCE), Upload_Metadata=said)
        await assert_problem(await patch(house, path, 0, SOURCE), 460, "checksum_mismatch")
        assert (await ask(house, "HEAD", path)).status == 410
        job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}")
        assert (job["status"], job["error"]["code"]) == ("ERROR", "checksum_mismatch")
        assert await house.blobs.incoming_sizes() == {}


class TestTermination:
    """Uploads that somebody does not want any more."""

    async def test_one_that_is_coming(self, house: House) -> None:
        """204; then it is not there, nor are its bytes, and who follows its job hears the end."""
        path = await create(house, len(SOURCE))
        await patch(house, path, 0, SOURCE[:100])
        upload_id = path.rsplit("/", 1)[1]
        following = asyncio.create_task(house.end_of(upload_id))
        await asyncio.sleep(0)
        assert (await ask(house, "DELETE", path)).status == 204
        assert (await following).error is not None
        for method in ("HEAD", "DELETE"):
            assert (await ask(house, method, path)).status == 404
        assert await house.blobs.incoming_sizes() == {}
        assert await house.catalog.uploads() == []

    async def test_one_that_is_being_written(self, house: House) -> None:
        """Whoever writes is told that it is gone."""
        path = await create(house, len(SOURCE))
        fields = {**VERSION, **CHUNK, "Upload-Offset": "0", "Content-Length": str(len(SOURCE))}
        async with connection(house.port) as (reader, writer):
            writer.write(request_bytes(path, method="PATCH", headers=fields, body=SOURCE[:100]))
            await until(lambda: house.services.receive.under_way == 1)
            assert (await ask(house, "DELETE", path)).status == 204
            assert (await hear(reader)).status == 410
        assert await house.blobs.incoming_sizes() == {}

    async def test_one_that_is_whole(self, house: House) -> None:
        """The video goes."""
        upload_id = await send(house, SOURCE)
        assert (await ask(house, "DELETE", f"/api/uploads/{upload_id}")).status == 204
        assert await house.catalog.video_ids() == set()
        assert (await ask(house, "HEAD", f"/api/uploads/{upload_id}")).status == 404

    async def test_one_that_failed(self, house: House) -> None:
        """What is left of it goes, too."""
        path = await create(house, 9000)
        assert (await patch(house, path, 0, b"a text file\n" * 700)).status == 415
        assert (await ask(house, "DELETE", path)).status == 204
        assert await house.catalog.uploads() == []

    async def test_by_its_job(self, house: House) -> None:
        """DELETE of the job ends the upload as well."""
        path = await create(house, len(SOURCE))
        job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}", method="DELETE", status=202)
        assert (job["status"], job["error"]["code"]) == ("ERROR", "cancelled")
        assert (await ask(house, "HEAD", path)).status == 404


class TestConcatenation:
    """Uploads that are made of others."""

    async def parts(self, house: House, *contents: bytes) -> list[str]:
        """Upload parts and return their addresses."""
        paths = []
        for content in contents:
            paths.append(await create(house, len(content), Upload_Concat="partial"))
            if content:
                assert (await patch(house, paths[-1], 0, content)).status == 204
        return paths

    async def join(self, house: House, paths: list[str], **headers: object) -> tuple[int, str]:
        """Ask for a final upload; return the status and the address."""
        fields = {"Upload-Concat": f"final;{' '.join(paths)}", **headers}
        response = await ask(house, "POST", "/api/uploads", fields)
        return response.status, response.headers.get("Location", "")

    async def test_parts_become_a_file(self, house: House) -> None:
        """In the order of the list, with the metadata of the final upload; then the parts are gone."""
        a, b, c = await self.parts(house, SOURCE[HALF:], SOURCE[:100], SOURCE[100:HALF])
        assert (await ask(house, "HEAD", a)).headers["Upload-Concat"] == "partial"
        assert (await house.json("/api/jobs"))["jobs"] == []
        said = metadata(title="Joined")
        absolute = f"http://127.0.0.1:{house.port}{c}"
        status, path = await self.join(house, [b, absolute, a], **{"Upload-Metadata": said})
        assert status == 201
        headers = (await ask(house, "HEAD", path)).headers
        assert headers["Upload-Offset"] == headers["Upload-Length"] == str(len(SOURCE))
        assert headers["Upload-Concat"] == f"final;{b} {absolute} {a}"
        assert headers["Upload-Metadata"] == said
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE
        (video,) = (await house.json("/api/videos"))["videos"]
        assert video["title"] == "Joined"
        assert [(await ask(house, "HEAD", part)).status for part in (a, b, c)] == [404] * 3
        assert await house.catalog.uploads() == []
        assert await house.blobs.incoming_sizes() == {}

    async def test_a_lost_answer(self, house: House) -> None:
        """Who asks again gets the same upload, although the parts are gone."""
        paths = await self.parts(house, SOURCE[:HALF], SOURCE[HALF:])
        first, again = await self.join(house, paths), await self.join(house, paths)
        assert first == again
        assert len(await house.catalog.video_ids()) == 1

    async def test_a_part_twice_and_an_empty_one(self, house: House) -> None:
        """A part may be named several times, and may be empty."""
        start, middle, end = SOURCE[:3000], SOURCE[3000:3100], SOURCE[3000:]
        a, b, c, empty = await self.parts(house, start, middle, end, b"")
        status, path = await self.join(house, [a, b, empty, b, c])
        assert status == 201
        assert await source_of(house, path.rsplit("/", 1)[1]) == start + middle * 2 + end

    async def test_nothing_is_added_to_it(self, house: House) -> None:
        """PATCH of a final upload is 403."""
        status, path = await self.join(house, await self.parts(house, SOURCE))
        assert status == 201
        await assert_problem(await patch(house, path, len(SOURCE), b""), 403, "forbidden")

    async def test_what_cannot_be_joined(self, house: House) -> None:
        """Parts that are not whole (409), not there or no parts (400), a length beside them, and nothing."""
        half = await create(house, 100, Upload_Concat="partial")
        plain = await create(house, 100)
        (whole,) = await self.parts(house, SOURCE)
        for paths, status in (
            ([whole, half], 409),
            ([whole, "/api/uploads/0123456789abcdef"], 400),
            ([plain], 400),
            (["/api/videos/x"], 400),
            ([], 400),
        ):
            assert await self.join(house, paths) == (status, "")
        assert await self.join(house, [whole], **{"Upload-Length": len(SOURCE)}) == (400, "")
        assert await self.join(house, await self.parts(house, b"")) == (400, "")
        assert await house.catalog.video_ids() == set()

    async def test_a_part_that_is_being_written(self, house: House) -> None:
        """423, and it can be joined afterwards."""
        paths = await self.parts(house, SOURCE)
        async with house.services.receive.resume(paths[0].rsplit("/", 1)[1], user="anyone"):
            assert (await self.join(house, paths))[0] == 423
        assert (await self.join(house, paths))[0] == 201


class TestOneWriter:
    """Who may add to an upload."""

    async def test_the_second_is_refused(self, house: House) -> None:
        """423 with when to come back, and what the first one sends is not disturbed."""
        path = await create(house, len(SOURCE))
        fields = {**VERSION, **CHUNK, "Upload-Offset": "0", "Content-Length": str(len(SOURCE))}
        async with connection(house.port) as (reader, writer):
            writer.write(request_bytes(path, method="PATCH", headers=fields, body=SOURCE[:100]))
            await until(lambda: house.services.receive.under_way == 1)
            response = await patch(house, path, 100, SOURCE[100:])
            await assert_problem(response, 423, "locked")
            assert int(response.headers["Retry-After"]) >= 1
            assert await offset_of(house, path) <= 100
            writer.write(SOURCE[100:])
            assert (await hear(reader, has_body=False)).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE

    async def test_of_many_at_once_one_is_taken(self, house: House) -> None:
        """The same piece sent by many connections at once is in the file once."""
        path = await create(house, len(SOURCE))
        answers = await asyncio.gather(*(patch(house, path, 0, SOURCE[:HALF]) for _ in range(20)))
        statuses = [answer.status for answer in answers]
        assert statuses.count(204) == 1
        assert set(statuses) <= {204, 409, 423}
        assert (await patch(house, path, HALF, SOURCE[HALF:])).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE

    @pytest.mark.parametrize("sent", [0, 1, 100, HALF, len(SOURCE) - 1])
    async def test_a_connection_that_breaks_off(self, house: House, sent: int) -> None:
        """What came is kept, and another connection goes on."""
        path = await create(house, len(SOURCE))
        fields = {**VERSION, **CHUNK, "Upload-Offset": "0"}
        whole = request_bytes(path, method="PATCH", headers=fields, body=SOURCE)
        async with connection(house.port) as (_, writer):
            writer.write(whole[: len(whole) - len(SOURCE) + sent])
            await until(lambda: house.services.receive.under_way == 1)
        await until(lambda: house.services.receive.under_way == 0)
        offset = await offset_of(house, path)
        assert offset <= sent
        assert (await patch(house, path, offset, SOURCE[offset:])).status == 204
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE

    async def test_a_connection_that_falls_silent(self, house: House) -> None:
        """After half a minute it is told so (408) and closed; what came is kept, and another one goes on."""
        path = await create(house, len(SOURCE))
        fields = {**VERSION, **CHUNK, "Upload-Offset": "0", "Content-Length": str(len(SOURCE))}
        async with connection(house.port) as (reader, writer):
            writer.write(request_bytes(path, method="PATCH", headers=fields, body=SOURCE[:100]))
            await until(lambda: house.services.receive.under_way == 1)
            for _ in range(100):  # let it take in what was sent
                await asyncio.sleep(0)
            skip(SILENCE_SECONDS + 1)
            answer = await hear(reader)
            assert (answer.status, answer.headers["connection"]) == (408, "close")
            assert json.loads(answer.body)["code"] == "too_slow"
            assert await reader.read() == b""
        offset = await offset_of(house, path)
        assert offset <= 100
        assert (await patch(house, path, offset, SOURCE[offset:])).status == 204

    async def test_chunked_bodies(self, house: House) -> None:
        """A body whose length nobody knows is taken as well."""
        path = await create(house, len(SOURCE))

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(SOURCE), 777):
                yield SOURCE[start : start + 777]

        response = await patch(house, path, 0, pieces())
        assert (response.status, response.headers["Upload-Offset"]) == (204, str(len(SOURCE)))
        assert await source_of(house, path.rsplit("/", 1)[1]) == SOURCE


class TestRefusals:
    """Files that are no videos."""

    @pytest.mark.parametrize("size", [100, 5000, 50_000])
    async def test_what_is_no_video(self, house: House, size: int) -> None:
        """415 as soon as it is known, nothing of it is kept, and the job says why until it expires."""
        content = (b"A text of many words. " * 3000)[:size]
        path = await create(house, size)
        response = await patch(house, path, 0, content[:90])
        response = await patch(house, path, 90, content[90:])
        await assert_problem(response, 415, "unsupported_media")
        assert await house.blobs.incoming_sizes() == {}
        job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}")
        assert (job["status"], job["error"]["code"]) == ("ERROR", "unsupported_media")
        assert job["error"]["message"] == "The file is a text file, not a video."
        response = await patch(house, path, 0, b"x")
        assert "text file" in await assert_problem(response, 410, "gone")

    async def test_the_line_is_full(self, tmp_path: Path) -> None:
        """Where no more videos may wait none can begin; those that have begun are finished."""
        async with open_house(tmp_path, queue_limit=2) as house:
            path = await create(house, len(SOURCE))
            house.encoder.gate.clear()
            for number in range(3):
                await house.upload(number=number)
            response = await ask(house, "POST", "/api/uploads", {"Upload-Length": 5})
            await assert_problem(response, 503, "queue_full")
            assert (await patch(house, path, 0, SOURCE)).status == 204
            house.encoder.gate.set()


async def test_json_of_an_upload(house: House) -> None:
    """GET of its job tells how much has come; the video is not in the library before it is whole."""
    path = await create(house, len(SOURCE), Upload_Metadata=metadata(title="On its way"))
    await patch(house, path, 0, SOURCE[:HALF])
    job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}")
    assert (job["status"], job["stage"], job["title"]) == ("READY", "upload", "On its way")
    assert (job["received_bytes"], job["size_bytes"]) == (HALF, len(SOURCE))
    assert job["percent"] == round(100 * HALF / len(SOURCE), 1)
    assert (await house.json("/api/videos"))["videos"] == []
    await house.json(f"/api/videos/{job['video_id']}", status=404)
    assert (await house.json("/api/jobs?status=READY"))["jobs"] == [job]
    assert (await house.json("/api/jobs?status=RUNNING"))["jobs"] == []
    assert (await house.json(f"/api/jobs/{job['id']}/retry", method="POST", status=409))["code"] == "conflict"


async def test_an_answer_can_be_read_by_strangers(house: House) -> None:
    """A client that knows no JSON sees a status and fields; the sentence is there for people."""
    answer = await exchange(house.port, request_bytes("/api/uploads", method="POST", headers=VERSION))
    assert answer.status == 400
    assert json.loads(answer.body)["detail"].startswith("Please send Upload-Length")
