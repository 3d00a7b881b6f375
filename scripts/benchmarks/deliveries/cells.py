"""Measuring: one replay after the other, each against a server of its own."""

import dataclasses
import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deliveries.crowd import Delivery, replay
from benchmarks.deliveries.figures import Cell, Costs, Touches, Way, check_watched, sum_up
from benchmarks.deliveries.front import Front, front
from benchmarks.deliveries.hls import read_media_playlist
from benchmarks.deliveries.library import Library
from benchmarks.deliveries.sessions import Session
from benchmarks.deliveries.syscalls import counting
from benchmarks.deliveries.viewer import Outcome
from benchmarks.product import ask, streamserver
from benchmarks.servers import Cores, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all measurements share."""

    library: Library
    """What is watched."""
    cores: Cores
    """Who works where."""
    folder: Path
    """Where servers may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What runs for one measurement."""

    server: Server
    """streamserver."""
    cache: Front | None
    """nginx, where the way leads through it."""

    @property
    def port(self) -> int:
        """Where viewers connect to."""
        return self.cache.server.port if self.cache else self.server.port

    @property
    def servers(self) -> list[Server]:
        """All that run."""
        return [self.server, *([self.cache.server] if self.cache else [])]


@contextmanager
def origin(ground: Ground) -> Iterator[Server]:
    """Run a fresh server that has been asked for everything once.

    What an address means is looked up in the catalogue when it is first asked for; a server that runs for longer
    than a replay has forgotten about that.
    """
    log = ground.folder / "streamserver.log"
    cores = ground.cores.server
    with streamserver(ground.library.data_dir, cores=cores, log=log) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for path in _all_paths(server, ground.library):
            connection.request("HEAD", path)
            connection.getresponse().read()
        connection.close()
        yield server


@contextmanager
def chain(ground: Ground, server: Server, way: Way) -> Iterator[Chain]:
    """Put an empty cache in front of a server, if the way leads through one."""
    if way is Way.STRAIGHT:
        yield Chain(server=server, cache=None)
        return
    with front(server, ground.folder / "cache", slicing=way is Way.SLICES, cores=ground.cores.server) as cache:
        yield Chain(server=server, cache=cache)


def measure(
    ground: Ground, server: Server, sessions: Sequence[Session], delivery: Delivery, way: Way, *, scale: float
) -> tuple[Cell, Sequence[Outcome]]:
    """Replay the sessions; return what it came to, and what came of each of them."""
    with chain(ground, server, way) as running:
        watch = _Watch(running)
        done = replay(
            sessions,
            ground.library.videos,
            delivery=delivery,
            port=running.port,
            scale=scale,
            on_tick=watch.look,
        )
        traffic = running.cache.origin_traffic() if running.cache else None
        cell = sum_up(done, delivery=delivery, way=way, costs=watch.costs(), origin=traffic)
    return cell, done.outcomes


def count_touches(
    ground: Ground, server: Server, sessions: Sequence[Session], delivery: Delivery, way: Way, *, scale: float
) -> Touches:
    """Replay the sessions while the servers' file-system calls are counted."""
    with chain(ground, server, way) as running, counting(running.servers, ground.folder) as calls:
        done = replay(sessions, ground.library.videos, delivery=delivery, port=running.port, scale=scale)
    check_watched(done.outcomes)
    return Touches(
        delivery=delivery,
        way=way,
        watched_seconds=sum(outcome.watched_seconds for outcome in done.outcomes),
        requests=sum(outcome.tally.requests for outcome in done.outcomes),
        calls=calls,
    )


def _all_paths(server: Server, library: Library) -> Iterator[str]:
    for video in library.videos:
        yield video.master_path
        for rendition in video.renditions:
            yield from (rendition.file_path, rendition.region_path)
            path = rendition.playlist_path
            playlist = read_media_playlist(ask(server, path).body.decode(), path)
            yield from (playlist.init_path, *(segment.path for segment in playlist.segments))


class _Watch:
    """Keeps an eye on what the servers take."""

    def __init__(self, running: Chain) -> None:
        self._running = running
        self._spent_before = [server.cpu_seconds() for server in running.servers]
        self._idle_bytes = running.server.resident_bytes()
        self._peaks = [0 for _server in running.servers]

    def look(self) -> None:
        """Note how much memory they have now."""
        now = [server.resident_bytes() for server in self._running.servers]
        self._peaks = [max(pair) for pair in zip(self._peaks, now, strict=True)]

    def costs(self) -> Costs:
        """Return what they have taken up to now."""
        servers = self._running.servers
        spent = [server.cpu_seconds() - before for server, before in zip(servers, self._spent_before, strict=True)]
        costs = Costs(
            server_cpu_seconds=spent[0], server_idle_bytes=self._idle_bytes, server_peak_bytes=self._peaks[0]
        )
        if self._running.cache is None:
            return costs
        return dataclasses.replace(costs, cache_cpu_seconds=spent[1], cache_peak_bytes=self._peaks[1])
