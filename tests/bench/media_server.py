"""A server of made-up media: it answers at once, and notes what it was asked for, and on which connection."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from benchmarks.deliveries.players import Rendition, Video
from benchmarks.deliveries.timeline import Timeline

FRAGMENT_SECONDS = 2.0
FRAGMENT_BYTES = 100_000
FIRST_POSITION = 50_000
"""Behind the `moov`."""
INIT_BYTES = 2_000
FRAGMENTS = 60
REGION_BYTES = 500_000
CACHING = "Accept-Ranges: bytes\r\nCache-Control: max-age=1000\r\n"


def timeline(fragments: int = FRAGMENTS) -> Timeline:
    """Lay out a file of equal fragments."""
    ends = tuple(FRAGMENT_SECONDS * (number + 1) for number in range(fragments))
    positions = tuple(FIRST_POSITION + FRAGMENT_BYTES * number for number in range(fragments + 1))
    return Timeline(ends=ends, positions=positions, size_bytes=positions[-1])


def video(*names: str) -> Video:
    """Describe a video of two minutes with these renditions."""
    renditions = [
        Rendition(
            name=name,
            bit_rate_bps=400_000,
            file_path=f"/{name}.mp4",
            region_path=f"/region/{name}.mp4",
            playlist_path=f"/hls/{name}/index.m3u8",
            timeline=timeline(),
        )
        for name in names
    ]
    return Video(title="made up", master_path="/hls/master.m3u8", renditions=renditions)


@dataclass(slots=True, kw_only=True)
class MediaServer:
    """What was asked, and how the server shall answer."""

    port: int = 0
    """Where it listens."""
    asked: list[str] = field(default_factory=list)
    """`path` or `path range`, in order."""
    connections: list[int] = field(default_factory=list)
    """For each request, the number of the connection that it came on, from 1."""
    opened: int = 0
    """Connections, up to now."""
    ends_idle_connections: bool = False
    """Whether it closes the connection after each answer, without saying so before."""
    broken_path: str = ""
    """What is answered with 404."""
    silent_path: str = ""
    """What is never answered."""
    cuts_path: str = ""
    """What is answered with half of its body, and the end of the connection."""
    answering: set[asyncio.Task[None]] = field(default_factory=set)
    """A task a connection."""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        self.opened += 1
        self.answering.add(asyncio.create_task(self._serve(reader, writer, self.opened)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await self._answer(head, number, writer)
                if self.ends_idle_connections or head.split()[1] == self.cuts_path:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, head: str, number: int, writer: asyncio.StreamWriter) -> None:
        path = head.split()[1]
        ranges = re.search(r"(?im)^range: bytes=(\d+)-(\d*)\r$", head)
        self.asked.append(f"{path} {ranges[1]}-{ranges[2]}" if ranges else path)
        self.connections.append(number)
        if path == self.silent_path:
            await asyncio.Event().wait()
        if path == self.broken_path:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif ranges:
            self._write_range(path, int(ranges[1]), ranges[2], writer)
        else:
            body = content(path)
            writer.write(f"HTTP/1.1 200 OK\r\n{CACHING}Content-Length: {len(body)}\r\n\r\n".encode())
            writer.write(body[: len(body) // 2] if path == self.cuts_path else body)
        await writer.drain()

    def _write_range(self, path: str, first: int, last: str, writer: asyncio.StreamWriter) -> None:
        size = timeline().size_bytes
        end = min(int(last) + 1 if last else size, size)
        if path.startswith("/region/"):
            end = min(end, first + REGION_BYTES)
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{end - 1}/{size}\r\n"
        writer.write(f"{head}{CACHING}Content-Length: {end - first}\r\n\r\n".encode())
        writer.write(bytes(end - first))


def content(path: str) -> bytes:
    """Return what lies at a path: playlists with segments of one fragment, and zeros for the rest."""
    if path.endswith("master.m3u8"):
        variants = (f"#EXT-X-STREAM-INF:BANDWIDTH=1\n{name}/index.m3u8\n" for name in ("best", "low"))
        return f"#EXTM3U\n{''.join(variants)}".encode()
    if path.endswith("index.m3u8"):
        segments = "".join(f"#EXTINF:{FRAGMENT_SECONDS:.6f},\n{number}.m4s\n" for number in range(FRAGMENTS))
        return f'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n{segments}#EXT-X-ENDLIST\n'.encode()
    sizes = {".m4s": FRAGMENT_BYTES, "init.mp4": INIT_BYTES, ".mp4": timeline().size_bytes}
    return bytes(next(size for end, size in sizes.items() if path.endswith(end)))


@asynccontextmanager
async def media_server() -> AsyncIterator[MediaServer]:
    """Run the server."""
    media = MediaServer()
    server = await asyncio.start_server(media.accept, "127.0.0.1", 0)
    media.port = server.sockets[0].getsockname()[1]
    try:
        yield media
    finally:
        server.close()
        for task in media.answering:
            task.cancel()
        await asyncio.gather(*media.answering, return_exceptions=True)


@contextmanager
def media_server_beside() -> Iterator[MediaServer]:
    """Run the server on a loop of its own, for clients that bring theirs."""
    running: list[MediaServer] = []
    is_ready, is_over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with media_server() as media:
            running.append(media)
            is_ready.set()
            await is_over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    is_ready.wait()
    try:
        yield running[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
