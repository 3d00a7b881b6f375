"""A whole server over the memory twins: the Application, media beside it, and the pool of encoders."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Middleware

from streamserver.app import Adapters, encoding, make_flows
from streamserver.blobs.memory import MemoryBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.jobs import Job, JobStatus
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.memory import MemoryEncoder
from streamserver.fetcher.memory import MemoryFetcher
from streamserver.flows.deliver import FRESH_SECONDS
from streamserver.flows.watching import REPORT_SECONDS
from streamserver.notifier.memory import MemoryNotifier
from streamserver.ports import Bucket, Catalog
from streamserver.settings import load_settings
from streamserver.web.application import make_application
from streamserver.web.dataplane import DataPlane
from streamserver.web.services import Services
from tests.web.clock import skip

Document: TypeAlias = dict[str, Any]
REGION_BYTES = 10_000
"""Small, so that a short rendition has many."""
MAX_UPLOAD_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running server, and what is behind it."""

    client: TestClient[web.Request, web.Application]
    """Asks it."""
    services: Services
    """What its handlers call."""
    catalog: Catalog
    """What it remembers."""
    blobs: MemoryBlobs
    """What it keeps."""
    bus: MemoryBus
    """What it tells."""
    encoder: MemoryEncoder
    """What it encodes with."""
    fetcher: MemoryFetcher
    """What it imports with."""

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        assert self.client.port is not None
        return self.client.port

    async def json(self, path: str, *, status: int = 200, method: str = "GET", **options: Any) -> Document:  # noqa: ANN401 - all that a request can have
        """Ask, check the status, and return the JSON that came."""
        async with self.client.request(method, path, **options) as response:
            assert response.status == status, await response.text()
            assert response.content_type in {"application/json", "application/problem+json"}
            document: Document = await response.json()
            return document

    async def upload(self, title: str | None = None, **source: object) -> tuple[Document, Document]:
        """Send a source by form; return the video and the job as they were answered."""
        form = FormData(quote_fields=False)
        form.add_field("file", source_bytes(**source), filename="some clip.mp4")
        if title is not None:
            form.add_field("title", title)
        answer = await self.json("/api/videos", method="POST", data=form, status=201)
        return answer["video"], answer["job"]

    async def complete(self, title: str | None = None, **source: object) -> Document:
        """Send a source and return the video once its job is COMPLETE."""
        video, job = await self.upload(title, **source)
        ended = await self.end_of(job["id"])
        assert ended.status is JobStatus.COMPLETE, ended.error
        return await self.json(f"/api/videos/{video['id']}")

    async def end_of(self, job_id: str) -> Job:
        """Wait until a job is over."""
        return await self.report(job_id, lambda job: job.is_terminal)

    async def report(self, job_id: str, is_wanted: Callable[[Job], bool]) -> Job:
        """Wait for a report of a job."""
        async with aclosing(cast("AsyncGenerator[Job]", self.services.jobs.follow(job_id))) as reports:
            async for job in reports:
                if is_wanted(job):
                    return job
        raise AssertionError("the job ended without such a report")

    async def growing(self, **source: object) -> Document:
        """Send a source and return the video once its renditions have a fragment; see `grow` and `finish`."""
        self.encoder.gate.clear()
        self.encoder.is_encoding.clear()
        video, job = await self.upload(None, **source)
        await self.encoder.is_encoding.wait()
        await self._look(job["id"])
        return await self.json(f"/api/videos/{video['id']}")

    async def grow(self, video: Document) -> None:
        """Let the renditions of a growing video have one fragment more."""
        self.encoder.is_encoding.clear()
        self.encoder.gate.set()
        self.encoder.gate.clear()
        await self.encoder.is_encoding.wait()
        await self._look(video["job_id"])

    async def finish(self, video: Document) -> Document:
        """Let a growing video become complete, and return it."""
        self.encoder.gate.set()
        await self.end_of(video["job_id"])
        skip(FRESH_SECONDS)
        return await self.json(f"/api/videos/{video['id']}")

    async def _look(self, job_id: str) -> None:
        """Let the server look at growing files, and forget what it keeps for a moment only."""
        before = (await self.services.jobs.get(job_id)).sequence
        skip(max(REPORT_SECONDS, FRESH_SECONDS))
        await self.report(job_id, lambda job: job.sequence > before)


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    catalog: Catalog | None = None,
    blobs: MemoryBlobs | None = None,
    bucket: Bucket | None = None,
    middlewares: Iterable[Middleware] = (),
    **settings: object,
) -> AsyncIterator[House]:
    """Start a server over memory, or over what is given; `settings` as in `SETTINGS`."""
    given = {
        "data_dir": str(folder),
        "encoders": 1,
        "preparers": 0,
        "region_bytes": REGION_BYTES,
        "max_upload_bytes": MAX_UPLOAD_BYTES,
        "keep_duplicates": True,  # tests send the same few bytes again and again
        **settings,
    }
    own_blobs = MemoryBlobs()
    catalog, blobs = catalog or MemoryCatalog(), blobs or own_blobs
    bus, encoder = MemoryBus(), MemoryEncoder()
    loaded = load_settings(given, environment={}, folder=folder)
    fetcher = MemoryFetcher(loaded.reach)
    adapters = Adapters(
        catalog=catalog,
        blobs=blobs,
        bus=bus,
        encoder=cast("FfmpegEncoder", encoder),
        notifier=MemoryNotifier(),
        fetcher=fetcher,
        bucket=bucket,
    )
    flows = make_flows(loaded, adapters)
    application = make_application(flows.services)
    application.middlewares.extend(middlewares)
    server = TestServer(application)
    await server.start_server()
    assert server.runner is not None
    assert server.runner.server is not None
    plane = DataPlane(flows.services.deliver, flows.services.blobs, flows.services.region_bytes)
    server.runner.server.request_handler = plane.beside(server.runner.server.request_handler)
    async with encoding(flows), TestClient(server) as client:
        yield House(
            client=client,
            services=flows.services,
            catalog=catalog,
            blobs=blobs,
            bus=bus,
            encoder=encoder,
            fetcher=fetcher,
        )
    await bus.close()
    await own_blobs.close()


def source_bytes(**source: object) -> bytes:
    """Return a source that the memory encoder understands and that no one takes for text."""
    return json.dumps({"seconds": 10, **source}).encode("utf-16")


async def assert_problem(response: ClientResponse, status: int, code: str) -> str:
    """Check that an answer is a problem (RFC 9457) with a stable code; return its sentence."""
    assert response.status == status, await response.text()
    assert response.content_type == "application/problem+json"
    document = await response.json()
    assert document.keys() == {"type", "title", "status", "detail", "code"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:streamserver:{code}"
    assert response.headers["Cache-Control"] == "no-store"
    detail: str = document["detail"]
    assert detail[-1] in ".…", "a sentence"
    return detail
