"""From a received source to renditions: the good path, every fault, and what remains."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from streamserver.domain.fragments import plan_segments
from streamserver.domain.jobs import Job, JobEvent, JobStatus, Stage, claimed, waiting_again
from streamserver.domain.ladder import LADDER_TARGET_SECONDS, REMUX_TARGET_SECONDS
from streamserver.domain.sources import SubtitleStream
from streamserver.domain.videos import Rendition, RenditionStatus, Subtitle, Video, VideoStatus
from streamserver.errors import EncoderFault, EncoderStalled, NotFound, NotReady, SourceFault
from streamserver.flows.indexes import rendition_key
from streamserver.flows.receive import poster_key, source_key, subtitle_key
from tests.flows.doubles import NOON
from tests.flows.works import Works, is_there, source_bytes

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
ENGLISH = SubtitleStream(index=2, codec="subrip", language="en", title="English, \x00 for all")
GERMAN = SubtitleStream(index=3, codec="subrip", language="de")
UNKNOWN = SubtitleStream(index=4, codec="subrip")


def names(video: Video) -> list[str]:
    return [rendition.name for rendition in video.renditions]


def files(works: Works, renditions: tuple[Rendition, ...]) -> list[bool]:
    return [is_there(works.blobs, rendition_key(rendition)) for rendition in renditions]


class TestGoodPath:
    """A source that can be used."""

    async def test_a_ladder(self, works: Works) -> None:
        """A source that browsers cannot play is encoded into its ladder, and is then COMPLETE."""
        video = await works.complete(width=640, height=360)
        assert (video.status, names(video)) == (VideoStatus.COMPLETE, ["360p", "270p", "180p"])
        assert (video.duration_seconds, video.width, video.height) == (10, 640, 360)
        job = await works.catalog.job(video.job_id)
        assert (job.status, job.percent, job.attempt, job.error) == (JobStatus.COMPLETE, 100, 1, None)
        assert [(it.name, it.percent) for it in job.renditions] == [("360p", 100), ("270p", 100), ("180p", 100)]
        assert job.started_at is not None
        assert job.finished_at is not None
        assert job.started_at < job.finished_at

    async def test_a_remux_first(self, works: Works) -> None:
        """A source that browsers can play becomes its own top rendition, and the rungs below it are encoded."""
        video = await works.complete(**H264)
        assert names(video) == ["360p", "270p", "180p"]
        remux, ladder = works.encoder.plans
        assert [output.spec.is_remux for output in remux.outputs] == [True]
        assert [output.spec.name for output in ladder.outputs] == ["270p", "180p"]
        copied, *encoded = (rendition.target_seconds for rendition in video.renditions)
        assert (copied, encoded) == (REMUX_TARGET_SECONDS, [LADDER_TARGET_SECONDS] * 2)

    async def test_nothing_is_left_to_encode(self, works: Works) -> None:
        """A tiny source whose own streams will do is done once they are copied."""
        video = await works.complete(codec="h264", width=320, height=180)
        assert (names(video), len(works.encoder.plans)) == (["180p"], 1)
        assert video.status is VideoStatus.COMPLETE

    @pytest.mark.parametrize("claims", [12.0, 3.0, 9000.0])
    async def test_what_is_copied_is_read_once(self, claims: float, works: Works) -> None:
        """A broadcast is as long as its copy, whatever its container estimates, and not measured besides."""
        video = await works.complete(codec="h264", width=640, height=360, claims=claims)
        assert video.status is VideoStatus.COMPLETE
        assert video.duration_seconds == 10
        assert names(video) == ["360p", "270p", "180p"]
        assert works.encoder.measured == [False]
        assert {plan.source.duration_seconds for plan in works.encoder.plans[1:]} == {10}

    @pytest.mark.parametrize("codec", ["h264", "hevc"])
    async def test_what_is_not_copied_is_measured(self, codec: str, works: Works) -> None:
        """A broadcast that cannot be copied, as it is or as it turns out, is measured before it is encoded."""
        works.encoder.remux_fragment_seconds = 20.0
        video = await works.complete(codec=codec, width=640, height=360, claims=12.0)
        assert (video.status, video.duration_seconds) == (VideoStatus.COMPLETE, 10)
        assert works.encoder.measured == [False, True]
        assert works.encoder.plans[-1].source.duration_seconds == 10

    async def test_every_rendition_is_recorded_as_it_is(self, works: Works) -> None:
        """Size, codecs, bit rate and index of a finished rendition are those of its file; its plan is fixed."""
        video = await works.complete(width=320, height=180)
        (rendition,) = video.renditions
        content = works.blobs.path(rendition_key(rendition)).read_bytes()
        index = await works.catalog.fragment_index(rendition.key)
        assert (rendition.status, rendition.codecs) == (RenditionStatus.COMPLETE, "avc1.64001e")
        assert rendition.size_bytes == len(content)
        assert rendition.bit_rate_bps == round(len(content) * 8 / 10)
        assert index.duration_seconds == 10
        assert sum(index.plan) == len(index.fragments) == 5
        assert rendition.key.startswith("180p-")

    async def test_a_poster(self, works: Works) -> None:
        """A video has a picture that stands for it."""
        video = await works.complete()
        assert video.poster_key is not None
        assert is_there(works.blobs, poster_key(video.id, video.poster_key))

    async def test_text_tracks(self, works: Works) -> None:
        """Text tracks become WebVTT, called by their title, or language, or number, in words fit to be shown."""
        works.encoder.subtitles = (ENGLISH, GERMAN, UNKNOWN)
        video = await works.complete()
        assert [(it.language, it.label) for it in video.subtitles] == [
            ("de", "Deutsch"),
            ("en", "English, for all"),
            ("und", "Subtitles 3"),
        ]
        assert all(is_there(works.blobs, subtitle_key(subtitle)) for subtitle in video.subtitles)

    async def test_what_listeners_hear(self, works: Works) -> None:
        """Stages follow one another, numbers and percentages rise, and the end is at 100."""
        video = await works.upload(**H264)
        reports: list[Job] = []
        with works.bus.subscribe(video.job_id) as subscription:
            running = asyncio.create_task(works.run(video))
            while not (reports and reports[-1].is_terminal):
                reports.append(await anext(subscription))
            await running
        order = [*Stage]
        for before, after in pairwise(reports):
            assert before.sequence < after.sequence
            assert before.percent <= after.percent
            assert order.index(before.stage) <= order.index(after.stage)
        stages = {Stage.UPLOAD, Stage.PROBE, Stage.REMUX, Stage.ENCODE, Stage.PUBLISH}
        assert {report.stage for report in reports} == stages
        assert (reports[-1].status, reports[-1].percent) == (JobStatus.COMPLETE, 100)
        assert [report.percent for report in reports].count(100) == 1


class TestWatchingEarly:
    """What can be watched while the rest is encoded."""

    async def test_from_the_first_fragments_on(self, works: Works) -> None:
        """A growing rendition is listed and can be fetched, and what was listed stays when it is finished."""
        works.encoder.gate.clear()
        video = await works.upload(width=320, height=180)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        growing = await works.catalog.video(video.id)
        (rendition,) = growing.renditions
        assert (growing.status, rendition.status) == (VideoStatus.PLAYABLE, RenditionStatus.GROWING)
        early = await works.text(f"{video.id}/hls/{rendition.key}/index.m3u8")
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in early
        first = works.content(await works.deliver.resolve(f"{video.id}/hls/{rendition.key}/0.m4s"))
        works.encoder.gate.set()
        await running
        await works.look_again()
        late = await works.text(f"{video.id}/hls/{rendition.key}/index.m3u8")
        segments = [line for line in early.splitlines() if line.endswith(".m4s")]
        assert segments == ["0.m4s"]
        assert late.splitlines().index("0.m4s") == early.splitlines().index("0.m4s")
        assert works.content(await works.deliver.resolve(f"{video.id}/hls/{rendition.key}/0.m4s")) == first

    async def test_progress_is_told_and_recorded(self, works: Works) -> None:
        """Each rendition's own share is told while it grows, and recorded for who reads the catalog."""
        works.encoder.gate.clear()
        video = await works.upload(width=640, height=360)
        running = asyncio.create_task(works.run(video))
        told = await works.started(video.job_id)
        assert [(it.name, it.percent) for it in told.renditions] == [("360p", 20), ("270p", 20), ("180p", 20)]
        assert (told.stage, told.speed, told.frames_per_second) == (Stage.ENCODE, 10, 250)
        assert told.eta_seconds == pytest.approx(0.8)
        assert told.percent == pytest.approx(1 + 98 * 0.2, abs=0.1)
        recorded = await works.catalog.job(video.job_id)
        assert recorded.renditions == told.renditions
        works.encoder.gate.set()
        await running

    async def test_a_remux_is_shown_whole(self, works: Works) -> None:
        """A copy is shown once it is known that its keyframes lie close enough, and not before."""
        works.encoder.gate.clear()
        video = await works.upload(**H264)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        found = await works.catalog.video(video.id)
        assert (found.status, names(found)) == (VideoStatus.PROCESSING, ["360p"])
        works.encoder.gate.set()
        await running
        assert (await works.catalog.video(video.id)).status is VideoStatus.COMPLETE


class TestSourceFaults:
    """A source that cannot be used."""

    async def test_nothing_of_it_remains(self, works: Works) -> None:
        """Its job ends in ERROR with the sentence; no bytes, no renditions are left, and nobody sees the video."""
        works.encoder.faults["probe"] = SourceFault("There is no video in the file.")
        video = await works.upload()
        job = await works.run(video)
        assert (job.status, job.percent < 100) == (JobStatus.ERROR, True)
        assert job.error is not None
        assert (job.error.code, job.error.message) == ("source_unusable", "There is no video in the file.")
        assert not is_there(works.blobs, source_key(video.id))
        assert await works.catalog.videos() == []
        found = await works.catalog.video(video.id)
        assert (found.status, found.renditions) == (VideoStatus.ERROR, ())

    async def test_a_fault_that_shows_late(self, works: Works) -> None:
        """Also what was made of it before, and could be watched already, is removed, poster and text included."""
        works.encoder.subtitles = (ENGLISH,)
        works.encoder.faults["ladder"] = SourceFault("The video is damaged.")
        video = await works.upload(**H264)
        job = await works.run(video)
        assert job.status is JobStatus.ERROR
        found = await works.catalog.video(video.id)
        assert (found.status, found.renditions) == (VideoStatus.ERROR, ())
        assert await works.blobs.sweep(unknown) == []

    @pytest.mark.parametrize("codec", ["mpeg4", "h264"])
    async def test_a_source_that_ends_early(self, codec: str, works: Works) -> None:
        """A file that was cut off says how long it should be and is; nothing of it remains."""
        works.encoder.encoded_share = 0.5
        video = await works.upload(seconds=60, codec=codec)
        job = await works.run(video)
        assert job.error is not None
        assert job.error.message == "The file is incomplete: it promises 60 seconds and ends after 30."
        assert await works.catalog.videos() == []
        assert await works.blobs.sweep(unknown) == []

    async def test_a_source_that_ends_a_little_early(self, works: Works) -> None:
        """A few frames that are missing at the end are no reason to refuse a video."""
        works.encoder.encoded_share = 0.95
        video = await works.complete(seconds=60)
        assert video.status is VideoStatus.COMPLETE


async def unknown(_folder: str) -> bool:
    return False


class TestEncoderFaults:
    """A source that might be encoded another time."""

    @pytest.mark.parametrize(
        ("fault", "code"),
        [(EncoderFault("It stopped."), "encoder_failed"), (EncoderStalled(), "encoder_stalled")],
    )
    async def test_without_a_rendition_there_is_nothing_to_watch(
        self, fault: Exception, code: str, works: Works
    ) -> None:
        """Growing renditions are removed with their bytes; the source is kept for another try."""
        works.encoder.faults["ladder"] = fault
        video = await works.upload()
        job = await works.run(video)
        assert job.error is not None
        assert job.error.code == code
        found = await works.catalog.video(video.id)
        assert (found.status, found.renditions) == (VideoStatus.ERROR, ())
        (plan,) = works.encoder.plans
        assert is_there(works.blobs, source_key(video.id))
        assert await folder_content(works, video) <= {"source", f"poster-{found.poster_key}.jpg"}
        assert len(plan.outputs) == 3

    async def test_a_whole_rendition_can_still_be_watched(self, works: Works) -> None:
        """What was finished before the fault stays, and the video can be watched."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.upload(**H264)
        await works.run(video)
        found = await works.catalog.video(video.id)
        assert (found.status, names(found)) == (VideoStatus.PLAYABLE, ["360p"])
        assert files(works, found.renditions) == [True]

    async def test_another_try_keeps_what_is_whole(self, works: Works) -> None:
        """A job that is tried again encodes only what is not there, with a higher attempt, and gets COMPLETE."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.upload(**H264)
        await works.run(video)
        (kept,) = (await works.catalog.video(video.id)).renditions
        works.encoder.faults.clear()
        works.encoder.plans.clear()
        await works.jobs.retry(video.job_id)
        job = await works.run(video)
        assert (job.status, job.attempt, job.error) == (JobStatus.COMPLETE, 2, None)
        found = await works.catalog.video(video.id)
        assert (found.status, names(found)) == (VideoStatus.COMPLETE, ["360p", "270p", "180p"])
        assert found.renditions[0] == kept
        assert [[output.spec.name for output in plan.outputs] for plan in works.encoder.plans] == [
            ["270p", "180p"]
        ]

    async def test_a_copy_that_fails_is_encoded(self, works: Works) -> None:
        """A source whose streams cannot be copied after all is encoded in its own size, and no trace is left."""
        works.encoder.faults["remux"] = EncoderFault()
        video = await works.complete(**H264)
        assert (video.status, names(video)) == (VideoStatus.COMPLETE, ["360p", "270p", "180p"])
        assert all(rendition.target_seconds == 4 for rendition in video.renditions)
        assert len(await folder_content(works, video)) == 2 + 3 + 2  # a storyboard is a text and a sheet

    async def test_a_copy_that_is_nonsense(self, works: Works) -> None:
        """A copy that cannot be read is encoded in its place; an encode that cannot be read is a fault."""
        works.encoder.writes_nonsense = {"remux"}
        video = await works.complete(**H264)
        assert (video.status, names(video)) == (VideoStatus.COMPLETE, ["360p", "270p", "180p"])
        works.encoder.writes_nonsense = {"ladder"}
        video = await works.complete(**H264)
        job = await works.catalog.job(video.job_id)
        assert job.error is not None
        assert (job.error.code, names(video)) == ("encoder_failed", ["360p"])

    @pytest.mark.parametrize(("seconds", "is_kept"), [(6.0, True), (6.5, False), (30.0, False)])
    async def test_keyframes_too_far_apart(self, seconds: float, is_kept: bool, works: Works) -> None:
        """A copy whose keyframes lie too far apart to be cut into segments is encoded in its place."""
        works.encoder.remux_fragment_seconds = seconds
        video = await works.complete(**H264, seconds=seconds)
        assert names(video) == ["360p", "270p", "180p"]
        assert (video.renditions[0].target_seconds == REMUX_TARGET_SECONDS) is is_kept
        job = await works.catalog.job(video.job_id)
        assert [it.name for it in job.renditions] == names(video)

    async def test_a_poster_is_no_must(self, works: Works) -> None:
        """A video of which no picture can be had is a video all the same."""
        works.encoder.faults["poster"] = EncoderFault()
        video = await works.complete()
        assert (video.status, video.poster_key) == (VideoStatus.COMPLETE, None)

    async def test_a_text_track_is_no_must(self, works: Works) -> None:
        """A text track that cannot be read is left out, and the others are there."""
        works.encoder.subtitles = (ENGLISH, GERMAN)
        works.encoder.faults["subtitle 2"] = EncoderFault()
        video = await works.complete()
        assert (video.status, [it.language for it in video.subtitles]) == (VideoStatus.COMPLETE, ["de"])

    async def test_what_nobody_foresaw(self, works: Works, caplog: pytest.LogCaptureFixture) -> None:
        """An exception that nobody foresaw ends the job with a plain sentence; the log has it whole."""
        works.encoder.faults["ladder"] = ZeroDivisionError("secret")
        video = await works.upload()
        job = await works.run(video)
        assert job.error is not None
        assert job.error.code == "encoder_failed"
        assert "secret" not in job.error.message
        assert "ZeroDivisionError: secret" in caplog.text


async def folder_content(works: Works, video: Video) -> set[str]:
    """Return the names of a video's blobs."""
    return {key.removeprefix(f"{video.id}/") for key in works.blobs._kept if key.startswith(f"{video.id}/")}


class TestLeftovers:
    """What an attempt that was cut off left half-done."""

    async def test_they_are_cleared_and_never_listed(self, works: Works) -> None:
        """Growing renditions and text tracks of a killed attempt go; what was whole and the poster stay."""
        video = await works.complete(**H264)
        growing = replace(video.renditions[0], key="720p-dead", status=RenditionStatus.GROWING)
        subtitle = Subtitle(key="dead", video_id=video.id, language="en", label="old")
        await works.catalog.add_renditions([growing])
        await works.catalog.add_subtitle(subtitle)
        for key in (rendition_key(growing), subtitle_key(subtitle)):
            works.blobs.path(key).write_bytes(b"half")
        job = await works.catalog.job(video.job_id)
        again = replace(job, status=JobStatus.READY, sequence=job.sequence + 1)
        await works.catalog.record_job(again)
        works.encoder.plans.clear()
        assert (await works.run(video)).status is JobStatus.COMPLETE
        found = await works.catalog.video(video.id)
        assert found.renditions == video.renditions
        assert found.subtitles == ()
        assert works.encoder.plans == []
        assert found.poster_key == video.poster_key
        assert not is_there(works.blobs, rendition_key(growing))
        assert not is_there(works.blobs, subtitle_key(subtitle))


class TestClaims:
    """One attempt at a time has a job."""

    async def test_a_job_that_somebody_else_has(self, works: Works) -> None:
        """A job that was claimed elsewhere is left alone, without a word."""
        video = await works.upload()
        waiting = await works.catalog.job(video.job_id)
        theirs = claimed(waiting, now=NOON)
        await works.catalog.claim_job(theirs)
        with works.bus.subscribe() as reports:
            await works.run(video)
            await works.bus.close()
            assert [job async for job in reports] == [waiting]  # it was told when it was uploaded
        assert await works.catalog.job(video.job_id) == theirs
        assert works.encoder.plans == []

    async def test_a_claim_that_comes_too_late(self, works: Works) -> None:
        """Of two servers that claim a job at the same moment, one encodes it."""
        video = await works.upload()
        await asyncio.gather(works.encode.run(video.job_id), works.encode.run(video.job_id))
        assert len(works.encoder.plans) == 1
        assert (await works.catalog.job(video.job_id)).attempt == 1

    async def test_a_job_that_is_over(self, works: Works) -> None:
        """A job that was still in line when it was over is left alone."""
        video = await works.complete()
        works.encoder.plans.clear()
        await works.encode.run(video.job_id)
        assert works.encoder.plans == []

    async def test_a_job_that_is_gone(self, works: Works) -> None:
        """A job whose video was deleted while it was in line is left alone."""
        video = await works.upload()
        await works.catalog.delete_video(video.id)
        await works.encode.run(video.job_id)
        assert works.encoder.plans == []

    @pytest.mark.parametrize("fault", [None, EncoderFault(), SourceFault()])
    async def test_an_attempt_that_was_taken_over_is_silent(self, fault: Exception | None, works: Works) -> None:
        """An attempt that lost its job neither tells its end nor touches what the next attempt has made."""
        works.encoder.gate.clear()
        video = await works.upload(width=320, height=180)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        job = await works.catalog.job(video.job_id)
        await works.catalog.record_job(waiting_again(job, JobEvent.RELEASE))
        theirs = claimed(await works.catalog.job(video.job_id), now=NOON)
        await works.catalog.claim_job(theirs)
        (mine,) = (await works.catalog.video(video.id)).renditions
        other = replace(mine, key="180p-other")
        await works.catalog.add_renditions([other])
        works.blobs.path(rendition_key(other)).write_bytes(b"theirs")
        if fault is not None:
            works.encoder.faults["ladder"] = fault
        works.encoder.gate.set()
        with works.bus.subscribe(video.job_id) as reports:
            await running
            await works.bus.close()
            assert not any(report.is_terminal for report in [job async for job in reports])
        assert await works.catalog.job(video.job_id) == theirs
        assert other in (await works.catalog.video(video.id)).renditions
        assert is_there(works.blobs, rendition_key(other))
        assert is_there(works.blobs, source_key(video.id))

    async def test_a_video_that_is_deleted_meanwhile(self, works: Works) -> None:
        """An attempt whose video is gone ends, silently."""
        works.encoder.gate.clear()
        video = await works.upload(width=320, height=180)
        running = asyncio.create_task(works.encode.run(video.job_id))
        await works.started(video.job_id)
        await works.catalog.delete_video(video.id)
        works.encoder.gate.set()
        await running
        with pytest.raises(NotFound):
            await works.catalog.job(video.job_id)


class TestBounds:
    """Numbers at their edges."""

    @pytest.mark.parametrize("seconds", [0.04, 1.0, 2.0, 2.04, 61])
    async def test_any_length(self, seconds: float, works: Works) -> None:
        """However short or odd, the segments of a finished rendition play as long as the source."""
        video = await works.complete(seconds=seconds, width=320, height=180)
        (rendition,) = video.renditions
        segments = plan_segments(await works.catalog.fragment_index(rendition.key))
        assert sum(segment.duration_seconds for segment in segments) == pytest.approx(seconds)

    async def test_what_is_not_ready(self, works: Works) -> None:
        """Before the first fragment nothing of a video can be fetched."""
        video = await works.upload()
        with pytest.raises(NotReady):
            await works.deliver.resolve(f"{video.id}/hls/master.m3u8")
        assert source_bytes() == works.content(await works.deliver.resolve(f"{video.id}/source"))
