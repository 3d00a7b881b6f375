"""Numbers for Prometheus. Requests for media are not counted: they are the ones that must cost nothing."""

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, generate_latest

from streamserver.errors import Unavailable
from streamserver.web.services import Services


class Metrics:
    """What an Application counts, and what it is asked for when somebody looks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._responses = Counter(
            "streamserver_http_responses",
            "Responses of the pages and the API, by the class of their status.",
            ["status"],
            registry=self._registry,
        )
        self._jobs = Gauge("streamserver_jobs", "Jobs by their status.", ["status"], registry=self._registry)
        self._encoding = self._gauge("encoders_running", "Jobs that are being encoded by this server.")
        self._uploads = self._gauge("uploads_under_way", "Files that are being received.")
        self._streams = self._gauge("event_streams_open", "Open streams of Server-Sent Events.")

    async def count(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Count a response when it begins."""
        self._responses.labels(f"{response.status // 100}xx").inc()

    async def text(self, services: Services) -> bytes:
        """Return all numbers in Prometheus' text format; without those of the catalog while it is away."""
        self._encoding.set(services.jobs.encoding)
        self._uploads.set(services.receive.under_way)
        self._streams.set(len(services.streams))
        try:
            for status, count in (await services.jobs.counts()).items():
                self._jobs.labels(status.value).set(count)
        except Unavailable:
            self._jobs.clear()
        return generate_latest(REGISTRY) + generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"streamserver_{name}", documentation, registry=self._registry)


METRICS = web.AppKey("metrics", Metrics)
