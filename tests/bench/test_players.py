"""Each player asks for just what a real one asks for, in order, on the connections that it would use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.crowd import PLAYERS, Delivery
from benchmarks.deliveries.hls import read_media_playlist, read_multivariant
from benchmarks.deliveries.players import Player, Stage
from benchmarks.deliveries.playhead import Playhead
from benchmarks.deliveries.sessions import Line
from benchmarks.deliveries.wire import Tally, Wire

from tests.bench.media_server import (
    FIRST_POSITION,
    FRAGMENT_BYTES,
    REGION_BYTES,
    MediaServer,
    media_server,
    timeline,
    video,
)

FAST = Line(name="fast", rate_bps=8e9, round_trip_seconds=0.0)
END = timeline().size_bytes
BLOCK = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A player that fetches while nothing plays."""

    server: MediaServer
    """What it fetches from."""
    stage: Stage
    """What it works with."""
    player: Player
    """The player."""

    async def fetch(self, rendition: int = 0, *, until_ahead: float) -> None:
        """Fetch until so much is held, then leave the answer."""
        playhead = self.stage.playhead
        fetching = asyncio.create_task(self.player.fetch(rendition))
        while not fetching.done() and playhead.ahead_seconds < until_ahead:
            playhead.changed.clear()
            await playhead.changed.wait()
        fetching.cancel()
        await asyncio.wait([fetching])
        self.stage.wire.abandon()

    def asked(self) -> list[str]:
        """Return what was asked since this was asked last."""
        asked, self.server.asked[:] = list(self.server.asked), []
        return asked


@asynccontextmanager
async def bench(delivery: Delivery) -> AsyncIterator[Bench]:
    async with media_server() as server:
        clock = Clock()
        watched = video("best", "low")
        wire = Wire(("127.0.0.1", server.port), FAST, clock, Tally())
        playhead = Playhead(clock, watched.duration_seconds)
        stage = Stage(video=watched, playhead=playhead, wire=wire, clock=clock)
        yield Bench(server=server, stage=stage, player=PLAYERS[delivery](stage))
        wire.close()


def fragment_block(number: int) -> int:
    """Return where a request for a fragment begins."""
    position = FIRST_POSITION + number * FRAGMENT_BYTES
    return position - position % BLOCK


async def test_range_reads_all_in_one_answer() -> None:
    """A media element asks openly, finds the moov at the start, and goes on with the media behind it."""
    async with bench(Delivery.RANGE) as here:
        await here.fetch(until_ahead=20)
        assert here.asked() == ["/best.mp4 0-"]
        tally = here.stage.wire.tally
        assert FIRST_POSITION <= tally.index_bytes < FIRST_POSITION + FRAGMENT_BYTES


async def test_range_gives_answers_up_by_closing() -> None:
    """Who begins elsewhere leaves the first answer behind the moov, so the second request needs a connection."""
    async with bench(Delivery.RANGE) as here:
        here.stage.playhead.jump(61.0)
        await here.fetch(until_ahead=20)
        assert here.asked() == ["/best.mp4 0-", f"/best.mp4 {fragment_block(30)}-{END - 1}"]
        assert here.server.connections == [1, 2]


async def test_range_seeks_to_the_block_of_a_fragment() -> None:
    """A seek asks from the fragment's first byte, rounded down to a block, on a new connection, not for moov."""
    async with bench(Delivery.RANGE) as here:
        await here.fetch(until_ahead=4)
        here.asked()
        here.stage.playhead.jump(61.0)
        await here.fetch(until_ahead=2)
        assert here.asked() == [f"/best.mp4 {fragment_block(30)}-{END - 1}"]
        assert here.server.connections[-1] == 2


async def test_range_does_not_ask_for_what_it_has() -> None:
    """What was fetched for a later moment ends a request for an earlier one."""
    async with bench(Delivery.RANGE) as here:
        here.stage.playhead.jump(20.0)
        await here.fetch(until_ahead=2)
        here.asked()
        here.stage.playhead.jump(15.0)
        await here.fetch(until_ahead=5)
        stop = FIRST_POSITION + 10 * FRAGMENT_BYTES - 1
        assert here.asked()[0] == f"/best.mp4 {fragment_block(7)}-{stop}"


async def test_range_stops_reading_when_enough_is_ahead() -> None:
    """A full buffer leaves the answer unread in the connection, and asks for nothing."""
    async with bench(Delivery.RANGE) as here:
        await here.fetch(until_ahead=20)
        assert here.stage.playhead.ahead_seconds < 24
        assert len(here.asked()) == 1


async def test_regions_are_asked_for_one_after_the_other() -> None:
    """Where an answer holds less than was asked for, the rest is asked for on the same connection."""
    async with bench(Delivery.REGION) as here:
        await here.fetch(until_ahead=20)
        asked = [f"{position}-{END - 1}" for position in range(REGION_BYTES, 11 * FRAGMENT_BYTES, REGION_BYTES)]
        assert here.asked() == [f"/region/best.mp4 {ranges}" for ranges in ("0-", *asked)]
        assert set(here.server.connections) == {1}


async def test_hls_reads_playlists_and_segments_in_order() -> None:
    """First both playlists and the init segment, then segments up to half a minute, all on one connection."""
    async with bench(Delivery.HLS) as here:
        await here.fetch(until_ahead=30)
        segments = [f"/hls/best/{number}.m4s" for number in range(15)]
        assert here.asked() == [
            "/hls/master.m3u8",
            "/hls/best/index.m3u8",
            "/hls/best/init.mp4",
            *segments,
        ]
        assert set(here.server.connections) == {1}


async def test_hls_seeks_to_the_segment_that_plays_there() -> None:
    """A seek asks for the segment that holds the moment, and for no playlist again."""
    async with bench(Delivery.HLS) as here:
        await here.fetch(until_ahead=2)
        here.asked()
        here.stage.playhead.jump(61.0)
        await here.fetch(until_ahead=1)
        assert here.asked()[0] == "/hls/best/30.m4s"


async def test_hls_reads_a_playlist_once_a_rendition() -> None:
    """Another quality brings its own media playlist and init segment; the first is remembered."""
    async with bench(Delivery.HLS) as here:
        for rendition in (0, 1, 0):
            here.stage.playhead.drop_all()
            await here.fetch(rendition, until_ahead=2)
        asked = here.asked()
        assert asked.count("/hls/master.m3u8") == 1
        assert asked.count("/hls/best/index.m3u8") == asked.count("/hls/low/index.m3u8") == 1


@pytest.mark.parametrize("delivery", Delivery)
async def test_every_player_ends_at_the_end(delivery: Delivery) -> None:
    """The last fragment is fetched, and then nothing more is wanted."""
    async with bench(delivery) as here:
        here.stage.playhead.jump(115.0)
        await here.player.fetch(0)
        assert here.stage.playhead.is_at_end


async def test_a_rendition_that_is_not_listed_is_an_error() -> None:
    """A player does not guess at URLs: the multivariant playlist has to list what it shall play."""
    async with media_server() as server:
        clock = Clock()
        watched = video("unheard-of")
        wire = Wire(("127.0.0.1", server.port), FAST, clock, Tally())
        playhead = Playhead(clock, watched.duration_seconds)
        player = PLAYERS[Delivery.HLS](Stage(video=watched, playhead=playhead, wire=wire, clock=clock))
        with pytest.raises(ValueError, match="does not list"):
            await player.fetch(0)
        wire.close()


def test_playlists_are_understood() -> None:
    """Paths are resolved against the playlist's own, and times add up."""
    text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/index.m3u8\n"
    assert read_multivariant(text, "/media/v/hls/master.m3u8") == ["/media/v/hls/a/index.m3u8"]
    media = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2.000000,\n0.m4s\n#EXTINF:3.500000,\n1.m4s\n'
    playlist = read_media_playlist(media, "/media/v/hls/a/index.m3u8")
    assert playlist.init_path == "/media/v/hls/a/init.mp4"
    assert [(segment.path[-5:], segment.start, segment.end) for segment in playlist.segments] == [
        ("0.m4s", 0.0, 2.0),
        ("1.m4s", 2.0, 5.5),
    ]
    with pytest.raises(ValueError, match="no media playlist"):
        read_media_playlist(text, "/x.m3u8")
