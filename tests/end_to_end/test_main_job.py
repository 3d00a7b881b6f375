"""From the form to the player: upload, reports, watching while it encodes, and what is there in the end."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import m3u8
import pytest

from tests.clips.generated import Clips
from tests.clips.programs import FRAME_BYTES, ffmpeg, ffprobe
from tests.end_to_end.client import Client, Document
from tests.end_to_end.conftest import LONG_SECONDS
from tests.end_to_end.hls_parser import refused_by_hls_parser
from tests.services.server import running_server

pytest_plugins = ["tests.clips.fixtures"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running_server(tmp_path_factory.mktemp("main") / "data") as server:
        yield Client(server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a viewer saw of a video while it was encoded."""

    video: Document
    """As it is in the end."""
    reports: list[Document]
    """Everything that was told of the job."""
    playlists: dict[str, list[str]] = field(default_factory=dict)
    """By address: the texts that came, one after the other, before the job was over."""
    segments: dict[str, bytes] = field(default_factory=dict)
    """By address, fetched before the job was over."""


@pytest.fixture(scope="module")
def watched(client: Client, long_clip: Path) -> Watched:
    """Upload a video and watch it with each report, as far as it is there."""
    video, job = client.upload(long_clip, title="A long one")
    seen = Watched(video={}, reports=[])
    for report in client.follow(job["id"]):
        seen.reports.append(report)
        if report["status"] == "RUNNING":
            look(client, f"/media/{video['id']}/hls/", seen)
    seen.video.update(client.video(video["id"]))
    return seen


def look(client: Client, folder: str, seen: Watched) -> None:
    """Fetch the playlists, and every segment that is new."""
    master = client.ask(folder + "master.m3u8")
    if master.status == 503:
        assert int(master.headers["retry-after"]) > 0
        return
    seen.playlists.setdefault(folder + "master.m3u8", []).append(master.text)
    for variant in m3u8.loads(master.text).playlists:
        address = folder + variant.uri
        text = client.get(address).text
        seen.playlists.setdefault(address, []).append(text)
        place = address.rsplit("/", 1)[0]
        for name in ["init.mp4", *(segment.uri for segment in m3u8.loads(text).segments)]:
            if f"{place}/{name}" not in seen.segments:
                seen.segments[f"{place}/{name}"] = client.get(f"{place}/{name}").body


def test_the_reports_tell_the_whole_story(watched: Watched) -> None:
    """The job runs through its stages, percent never falls, and the end is 100 percent of everything."""
    last = watched.reports[-1]
    assert (last["status"], last["percent"], last["error"], last["attempt"]) == ("COMPLETE", 100.0, None, 1)
    assert last["renditions"] == [{"name": "270p", "percent": 100.0}, {"name": "180p", "percent": 100.0}]
    sequences = [report["sequence"] for report in watched.reports]
    assert sequences == sorted(set(sequences))
    percents = [report["percent"] for report in watched.reports]
    assert percents == sorted(percents)
    assert len({percent for percent in percents if 1 < percent < 99}) >= 2
    stages = [report["stage"] for report in watched.reports]
    order = ["upload", "probe", "remux", "encode", "publish"]
    assert stages == sorted(stages, key=order.index)


def test_a_video_is_watched_while_it_encodes(watched: Watched) -> None:
    """Its playlists and segments were there before the job was over, and only grew."""
    addresses = [address for address in watched.playlists if address.endswith("index.m3u8")]
    assert len(addresses) == 2
    for address in addresses:
        texts = watched.playlists[address]
        assert len(set(texts)) >= 2
        for earlier, later in pairwise(texts):
            segments = earlier[earlier.index("#EXTINF") :].removesuffix("#EXT-X-ENDLIST\n")
            assert later[later.index("#EXTINF") :].startswith(segments)
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in texts[0]
        assert "#EXT-X-ENDLIST" not in texts[0]
    assert any("/1.m4s" in address for address in watched.segments)


def test_what_was_watched_is_what_remains(client: Client, watched: Watched) -> None:
    """Every segment has the same bytes in the end, and lies in the rendition's file."""
    files = {rendition["key"]: client.get(rendition["file_url"]).body for rendition in watched.video["renditions"]}
    for address, content in watched.segments.items():
        assert client.get(address).body == content
        if address.endswith(".m4s"):
            assert content in files[address.split("/")[4]]


def test_the_video_is_described_as_it_is(watched: Watched) -> None:
    """Title, size, length, and that of each rendition."""
    video = watched.video
    assert (video["title"], video["status"], video["width"], video["height"]) == (
        "A long one",
        "complete",
        480,
        270,
    )
    assert video["duration_seconds"] == pytest.approx(LONG_SECONDS, abs=0.1)
    sizes = [(found["name"], found["width"], found["height"]) for found in video["renditions"]]
    assert sizes == [("270p", 480, 270), ("180p", 320, 180)]


def test_the_poster_is_a_picture(client: Client, watched: Watched) -> None:
    """A JPEG of the video's shape."""
    poster = client.get(watched.video["poster_url"])
    assert poster.headers["content-type"] == "image/jpeg"
    assert poster.body.startswith(b"\xff\xd8\xff")
    found = ffprobe(client.address(watched.video["poster_url"]), "-show_streams")["streams"]
    assert [(stream["codec_name"], stream["width"], stream["height"]) for stream in found] == [("mjpeg", 480, 270)]


@pytest.fixture(scope="module", params=["h264.mp4", "silent.mp4", "portrait.mkv", "variable.mkv", "subtitles.mkv"])
def video(request: pytest.FixtureRequest, client: Client, clips: Clips) -> Document:
    """Give complete videos: remuxed and encoded, with and without sound, upright, with text tracks."""
    return client.complete(clips(request.param))


def test_every_playlist_is_accepted(client: Client, watched: Watched, video: Document) -> None:
    """m3u8 and hls-parser, which other people wrote, have nothing to say against any of them."""
    master = client.get(video["hls_url"]).text
    texts = [master, *(client.get(rendition["playlist_url"]).text for rendition in video["renditions"])]
    parsed = m3u8.loads(master)
    texts += [client.get(f"/media/{video['id']}/hls/{media.uri}").text for media in parsed.media]
    assert [playlist.uri.split("/")[0] for playlist in parsed.playlists] == [
        rendition["key"] for rendition in video["renditions"]
    ]
    for text in texts[1:]:
        found = m3u8.loads(text)
        assert found.is_endlist
        assert found.playlist_type == "vod"
        assert sum(segment.duration for segment in found.segments) == pytest.approx(
            video["duration_seconds"], abs=0.5
        )
        assert all(round(segment.duration) <= found.target_duration for segment in found.segments)
    growing = [text for versions in watched.playlists.values() for text in versions]
    assert refused_by_hls_parser([*texts, *growing]) == []


def frames(address: str) -> str:
    """Return the MD5 of all decoded pictures."""
    raw = ("-map", "0:v:0", "-c:v", "rawvideo", "-fps_mode", "passthrough")
    return ffmpeg("-i", address, *raw, "-f", "md5", "-").decode().strip()


def samples(address: str) -> bytes:
    """Return the decoded sound, two channels of two bytes."""
    return ffmpeg("-i", address, "-map", "0:a:0", "-ac", "2", "-c:a", "pcm_s16le", "-f", "s16le", "-")


def test_every_delivery_gives_the_same_frames(client: Client, video: Document) -> None:
    """The same picture and sound are decoded from HLS, Range and ResourceRegion, for each rendition.

    HLS alone has the rest of the last AAC frame too: only the index of a finished MP4 tells how much of it counts.
    """
    for rendition in video["renditions"]:
        hls, file, region = (
            client.address(rendition[name]) for name in ("playlist_url", "file_url", "region_url")
        )
        assert frames(hls) == frames(file) == frames(region)
        streams = ffprobe(file, "-show_streams")["streams"]
        if "audio" in {stream["codec_type"] for stream in streams}:
            sound = samples(file)
            assert samples(region) == sound
            assert samples(hls)[: len(sound)] == sound
            assert 0 <= len(samples(hls)) - len(sound) < FRAME_BYTES


def test_the_multivariant_playlist_tells_the_truth(client: Client, video: Document) -> None:
    """BANDWIDTH is no less than any segment needs; CODECS, RESOLUTION and FRAME-RATE are what ffprobe finds."""
    for variant in m3u8.loads(client.get(video["hls_url"]).text).playlists:
        place = f"/media/{video['id']}/hls/{variant.uri.split('/')[0]}"
        playlist = m3u8.loads(client.get(f"{place}/index.m3u8").text)
        sizes = [8 * len(client.get(f"{place}/{segment.uri}").body) for segment in playlist.segments]
        durations = [segment.duration for segment in playlist.segments]
        told = variant.stream_info
        assert told.average_bandwidth == pytest.approx(sum(sizes) / sum(durations), rel=0.01)
        measured = [
            size / duration
            for size, duration in zip(sizes, durations, strict=True)
            if duration >= playlist.target_duration / 2
        ]
        assert told.bandwidth >= max(measured, default=0) - 1
        assert told.bandwidth >= told.average_bandwidth
        streams = ffprobe(client.address(f"{place}/index.m3u8"), "-show_streams")["streams"]
        picture = next(stream for stream in streams if stream["codec_type"] == "video")
        assert told.resolution == (picture["width"], picture["height"])
        numerator, _, denominator = picture["avg_frame_rate"].partition("/")
        assert told.frame_rate == pytest.approx(int(numerator) / int(denominator), rel=0.02)
        profile = {"Constrained Baseline": "42", "Main": "4d", "High": "64"}[picture["profile"]]
        codecs = told.codecs.split(",")
        assert codecs[0].startswith(f"avc1.{profile}")
        assert int(codecs[0][-2:], 16) == picture["level"]
        sound = [stream for stream in streams if stream["codec_type"] == "audio"]
        assert codecs[1:] == ["mp4a.40.2"] * len(sound)


def test_text_tracks_are_there(client: Client, clips: Clips) -> None:
    """Subtitles of the source are WebVTT, by themselves and in the multivariant playlist."""
    video = client.complete(clips("subtitles.mkv"))
    texts = {track["label"]: client.get(track["url"]) for track in video["subtitles"]}
    assert len(texts) == 2
    for reply in texts.values():
        assert reply.headers["content-type"] == "text/vtt; charset=utf-8"
        assert reply.text.startswith("WEBVTT\n")
    assert "Grüße" in texts["Deutsch"].text
    media = m3u8.loads(client.get(video["hls_url"]).text).media
    assert [(track.type, track.name) for track in media] == [("SUBTITLES", label) for label in texts]
    for track in media:
        (segment,) = m3u8.loads(client.get(f"/media/{video['id']}/hls/{track.uri}").text).segments
        address = urljoin(client.address(f"/media/{video['id']}/hls/{track.uri}"), segment.uri)
        assert client.get(urlsplit(address).path).body == texts[track.name].body


CURL = ("curl", "--disable", "--silent", "--fail", "--noproxy", "*")


def test_downloaders_resume_through_the_whole_server(client: Client, watched: Watched, tmp_path: Path) -> None:
    """`curl -r`, `curl -C -` and `wget -c` end up with the file, byte for byte."""
    url = client.address(watched.video["renditions"][0]["file_url"])
    whole = client.get(watched.video["renditions"][0]["file_url"]).body
    half = len(whole) // 2
    part = subprocess.run([*CURL, "-r", f"1000-{half}", url], check=True, capture_output=True).stdout
    assert part == whole[1000 : half + 1]
    for command in (
        [*CURL, "-C", "-", "-o", str(tmp_path / "curl"), url],
        ["wget", "--quiet", "--no-config", "--no-proxy", "-c", "-O", str(tmp_path / "wget"), url],
    ):
        target = tmp_path / command[0]
        target.write_bytes(whole[:half])
        subprocess.run(command, check=True)
        assert target.read_bytes() == whole
