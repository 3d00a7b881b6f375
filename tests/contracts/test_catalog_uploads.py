"""Every catalog records what is on its way in, and what that becomes, as `Catalog` says."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from streamserver.domain.jobs import JobError, JobStatus
from streamserver.domain.uploads import UploadKind
from streamserver.domain.videos import Source, VideoStatus
from streamserver.errors import Conflict, NotFound
from streamserver.ports import Catalog
from tests.catalog.samples import LATER, NOON, add, sample_job, sample_upload, sample_video

pytest_plugins = ["tests.services.catalogs"]

SHA256 = "a" * 64


class TestUploads:
    """What is not whole yet."""

    async def test_every_field_comes_back(self, catalog: Catalog) -> None:
        """An upload comes back as it was recorded, whatever is in it; one that has next to nothing, too."""
        full = sample_upload(
            kind=UploadKind.LINK,
            user="Ben.2",
            title="A holiday „ä🎬“",
            file_name="holiday „ä🎬“.mov",
            length_bytes=20_000_000_000,
            url="https://videos.example/a?b=c#" + "d" * 2000,
            sha256=SHA256,
            error=JobError(code="cut_off", message="It broke off „ä🎬“."),
            failed_at=LATER,
            details={"parts": [1, 2, {"three": None}], "is_partial": True, "text": "ä🎬" * 30_000},
        )
        bare = sample_upload("other")
        await catalog.add_upload(full)
        await catalog.add_upload(bare)
        assert await catalog.upload(full.id) == full
        assert await catalog.upload("other") == bare

    async def test_the_newest_come_first(self, catalog: Catalog) -> None:
        """All uploads are listed by age, those of the same moment by id."""
        for number, seconds in enumerate((3, 1, 2, 2)):
            await catalog.add_upload(
                sample_upload(f"upload-{number}", created_at=NOON + timedelta(seconds=seconds))
            )
        listed = [upload.id for upload in await catalog.uploads()]
        assert listed == ["upload-0", "upload-3", "upload-2", "upload-1"]

    async def test_an_id_is_taken_once(self, catalog: Catalog) -> None:
        """Of several that begin an upload with the same id at once, one has it."""
        begun = [catalog.add_upload(sample_upload(user=f"user-{number}")) for number in range(5)]
        outcomes = await asyncio.gather(*begun, return_exceptions=True)
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
        assert len(await catalog.uploads()) == 1

    async def test_changes(self, catalog: Catalog) -> None:
        """A change replaces what was recorded; the same again, which changes nothing, is a change, too."""
        await catalog.add_upload(sample_upload())
        changed = sample_upload(length_bytes=5, expires_at=LATER + timedelta(hours=1), details={"a": 1})
        for _ in range(2):
            await catalog.change_upload(changed)
        assert await catalog.uploads() == [changed]

    async def test_a_forgotten_one_is_gone(self, catalog: Catalog) -> None:
        """What was deleted is not there any more; its neighbours are."""
        await catalog.add_upload(sample_upload())
        await catalog.add_upload(sample_upload("other"))
        await catalog.delete_upload("v-job")
        assert [upload.id for upload in await catalog.uploads()] == ["other"]
        with pytest.raises(NotFound):
            await catalog.delete_upload("v-job")


class TestWhole:
    """What uploads become."""

    async def test_it_is_a_video_or_an_upload(self, catalog: Catalog) -> None:
        """An upload is forgotten in the moment in which its video and job are known."""
        await catalog.add_upload(sample_upload())
        video = sample_video(source=Source(file_name="holiday.mov", size_bytes=5, sha256=SHA256))
        job = sample_job(video, sequence=7)
        await catalog.finish_upload(job, video)
        assert await catalog.uploads() == []
        assert await catalog.video("v") == video
        assert await catalog.job("v-job") == job

    async def test_it_becomes_a_video_once(self, catalog: Catalog) -> None:
        """Of several that finish an upload at once, one does; the others find nothing."""
        await catalog.add_upload(sample_upload())
        video = sample_video()
        finished = [catalog.finish_upload(sample_job(video), video) for _ in range(5)]
        outcomes = await asyncio.gather(*finished, return_exceptions=True)
        assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 4
        assert await catalog.video_ids() == {"v"}

    async def test_what_cannot_become_one_stays(self, catalog: Catalog) -> None:
        """Where the id of the video is taken nothing changes."""
        taken = await add(catalog, job_id="another-job")
        await catalog.add_upload(sample_upload())
        with pytest.raises(Conflict):
            await catalog.finish_upload(sample_job(sample_video()), sample_video())
        assert [upload.id for upload in await catalog.uploads()] == ["v-job"]
        assert await catalog.video("v") == taken

    async def test_one_that_is_there_already(self, catalog: Catalog) -> None:
        """The job of a duplicate is recorded for the video that has the same source, which stays as it is."""
        video = await add(catalog, "known")
        await catalog.add_upload(sample_upload())
        job = replace(
            sample_job(video), id="v-job", status=JobStatus.COMPLETE, is_duplicate=True, finished_at=LATER
        )
        await catalog.finish_upload(job, None)
        assert await catalog.uploads() == []
        assert await catalog.job("v-job") == job
        assert await catalog.video("known") == video
        await catalog.delete_video("known")
        with pytest.raises(NotFound):
            await catalog.job("v-job")

    async def test_a_duplicate_of_nothing(self, catalog: Catalog) -> None:
        """Where the video that has the same source was deleted meanwhile nothing changes."""
        await catalog.add_upload(sample_upload())
        with pytest.raises(NotFound):
            await catalog.finish_upload(sample_job(sample_video("gone"), id="v-job"), None)
        assert [upload.id for upload in await catalog.uploads()] == ["v-job"]


class TestSources:
    """Videos by what their source's bytes are."""

    async def test_the_oldest_with_the_same_bytes(self, catalog: Catalog) -> None:
        """Sources are found by their length: the oldest first, and none of a video that failed."""
        source = Source(file_name="a.mp4", size_bytes=5, sha256=SHA256)
        await add(catalog, "failed", source=source, status=VideoStatus.ERROR, created_at=NOON - timedelta(hours=2))
        await add(catalog, "newer", source=replace(source, sha256=None), created_at=NOON + timedelta(hours=1))
        await add(catalog, "older", source=source, created_at=NOON - timedelta(hours=1))
        await add(catalog, "other", source=replace(source, size_bytes=6))
        assert list((await catalog.sources_of_size(5)).items()) == [("older", SHA256), ("newer", None)]
        assert await catalog.sources_of_size(7) == {}

    async def test_bytes_that_become_known(self, catalog: Catalog) -> None:
        """What the bytes of a source are known by is recorded later; `NotFound` where it is gone."""
        await add(catalog, "known", source=Source(file_name="a.mp4", size_bytes=5))
        await catalog.set_source_sha256("known", SHA256)
        assert (await catalog.video("known")).source.sha256 == SHA256
        with pytest.raises(NotFound):
            await catalog.set_source_sha256("nobody", SHA256)
