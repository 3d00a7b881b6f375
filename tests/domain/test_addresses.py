"""Media addresses: the forms that mean something, and nothing else."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.addresses import (
    Address,
    Kind,
    file_url,
    manifest_url,
    master_url,
    parse_address,
    playlist_url,
    poster_url,
    region_url,
    source_url,
    subtitle_url,
)
from streamserver.domain.answers import Delivery
from streamserver.domain.videos import Rendition, Source, Subtitle, Video
from streamserver.errors import NotFound

FORMS = {
    "v/source": Address(kind=Kind.SOURCE, video_id="v"),
    "v/720p-k3.mp4": Address(kind=Kind.FILE, video_id="v", key="720p-k3"),
    "v/region/720p-k3.mp4": Address(kind=Kind.FILE, video_id="v", key="720p-k3", delivery=Delivery.REGION),
    "v/poster-p_1.jpg": Address(kind=Kind.POSTER, video_id="v", key="p_1"),
    "v/subtitles/s.vtt": Address(kind=Kind.SUBTITLE, video_id="v", key="s"),
    "v/hls/master.m3u8": Address(kind=Kind.MULTIVARIANT, video_id="v"),
    "v/manifest.mpd": Address(kind=Kind.MANIFEST, video_id="v"),
    "v/hls/subtitles/s.m3u8": Address(kind=Kind.SUBTITLE_PLAYLIST, video_id="v", key="s"),
    "v/hls/720p-k3/index.m3u8": Address(kind=Kind.MEDIA_PLAYLIST, video_id="v", key="720p-k3"),
    "v/hls/720p-k3/init.mp4": Address(kind=Kind.INIT, video_id="v", key="720p-k3"),
    "v/hls/720p-k3/0.m4s": Address(kind=Kind.SEGMENT, video_id="v", key="720p-k3", number=0),
    "v/hls/720p-k3/1234.m4s": Address(kind=Kind.SEGMENT, video_id="v", key="720p-k3", number=1234),
    "0a9F_-/hls/K-_9/999999999.m4s": Address(kind=Kind.SEGMENT, video_id="0a9F_-", key="K-_9", number=999_999_999),
}

NOT_ADDRESSES = [
    "",
    "/",
    "v",
    "v/",
    "/source",
    "v//source",
    "v/source/",
    "v/source\n",
    "\nv/source",
    "v/Source",
    "v/source.mp4/",
    "v/.mp4",
    "v/x.mp4.mp4",
    "v/x.mp4?",
    "v/x.MP4",
    "v/../w/source",
    "v/..",
    "../v/source",
    "v/hls/../source",
    "%2e%2e/source",
    "v/%2e%2e/source",
    "v/hls/x%2f/init.mp4",
    "v\\source",
    "v/hls\\x\\init.mp4",
    "v/x\x00.mp4",
    "v/x y.mp4",
    "ü/source",
    "v/ü.mp4",
    "v/hls/x/00.m4s",
    "v/hls/x/01.m4s",
    "v/hls/x/-1.m4s",
    "v/hls/x/+1.m4s",
    "v/hls/x/1_0.m4s",
    "v/hls/x/1.0.m4s",
    "v/hls/x/1234567890.m4s",
    "v/hls/x/1.m4s\n",
    "v/hls/x/.m4s",
    "v/hls/x/\u0661.m4s",  # a digit, in Arabic
    "v/hls/x/\uff11.m4s",  # a digit, of full width
    "v/hls/x/\u00b2.m4s",  # a digit, in Python's eyes
    "v/hls//init.mp4",
    "v/hls/x/init.mp4/",
    "v/hls/x/other.mp4",
    "v/hls/x/y/init.mp4",
    "v/hls/master.m3u8x",
    "v/hls/index.m3u8",
    "v/region/x/y.mp4",
    "v/region/source",
    "v/poster-.jpg",
    "v/poster.jpg",
    "v/subtitles/.vtt",
    "v/subtitles/a/b.vtt",
]


@pytest.mark.parametrize("path", FORMS)
def test_what_each_form_means(path: str) -> None:
    """Each form of an address is understood as the table says."""
    assert parse_address(path) == FORMS[path]


@pytest.mark.parametrize("path", NOT_ADDRESSES)
def test_anything_else_is_nothing(path: str) -> None:
    """What merely looks like an address leads nowhere."""
    with pytest.raises(NotFound):
        parse_address(path)


CANONICAL = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\.[a-z0-9]+)?")


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    *("v", "hls", "region", "source", "subtitles", "master.m3u8", "index.m3u8", "init.mp4"),
                    *("..", ".", "", "%2e", "x.mp4", "0.m4s", "12.m4s", "poster-x.jpg", "s.vtt", "\u0661.m4s"),
                ]
            ),
            max_size=5,
        ).map("/".join),
        st.from_regex(CANONICAL, fullmatch=True),
    )
)
def test_whatever_is_understood_is_plain(path: str) -> None:
    """An address that means something has plain parts alone, so none of it can lead anywhere else."""
    try:
        address = parse_address(path)
    except NotFound:
        return
    assert CANONICAL.fullmatch(path)
    assert path.isascii()
    assert re.fullmatch("[A-Za-z0-9_-]+", address.video_id)
    assert re.fullmatch("[A-Za-z0-9_-]*", address.key)
    assert path.startswith(f"{address.video_id}/")


def test_what_is_written_is_understood() -> None:
    """Every address that the server gives out leads to what it was made for."""
    source = Source(file_name="a.mp4", size_bytes=1)
    video = Video(id="v9", title="A", created_at=datetime(2026, 1, 1, tzinfo=UTC), job_id="j", source=source)
    rendition = Rendition(
        key="720p-0a1b", video_id="v9", name="720p", width=2, height=2, frame_rate=25, target_seconds=4
    )
    subtitle = Subtitle(key="5c6d", video_id="v9", language="de", label="Deutsch")
    poster = poster_url(replace(video, poster_key="7e8f"))
    assert poster is not None
    assert poster_url(video) is None
    expected = {
        source_url(video): Address(kind=Kind.SOURCE, video_id="v9"),
        master_url(video): Address(kind=Kind.MULTIVARIANT, video_id="v9"),
        manifest_url(video): Address(kind=Kind.MANIFEST, video_id="v9"),
        poster: Address(kind=Kind.POSTER, video_id="v9", key="7e8f"),
        file_url(rendition): Address(kind=Kind.FILE, video_id="v9", key=rendition.key),
        region_url(rendition): Address(kind=Kind.FILE, video_id="v9", key=rendition.key, delivery=Delivery.REGION),
        playlist_url(rendition): Address(kind=Kind.MEDIA_PLAYLIST, video_id="v9", key=rendition.key),
        subtitle_url(subtitle): Address(kind=Kind.SUBTITLE, video_id="v9", key="5c6d"),
    }
    for url, address in expected.items():
        assert parse_address(url.removeprefix("/media/")) == address
