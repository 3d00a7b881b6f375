"""Health probes and metrics, as load balancers and Prometheus read them."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.jobs import JobStatus
from streamserver.errors import Unavailable
from tests.web.house import House, assert_problem, open_house
from tests.web.sse import next_event


class LostCatalog(MemoryCatalog):
    """A catalog that does not answer once it is lost."""

    is_lost = False

    async def check(self) -> None:
        """Fail as an adapter does."""
        if self.is_lost:
            raise Unavailable("The database cannot be reached.")

    async def count_jobs(self, status: JobStatus) -> int:
        """Fail likewise."""
        await self.check()
        return await super().count_jobs(status)


async def numbers(house: House) -> dict[tuple[str, str], float]:
    """Return the server's own numbers by name and label."""
    async with house.client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert response.headers["Cache-Control"] == "no-store"
        text = await response.text()
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("streamserver_") and not sample.name.endswith("_created"):
                found[sample.name.removeprefix("streamserver_"), sample.labels.get("status", "")] = sample.value
    return found


async def test_a_server_that_works_is_alive_and_ready(house: House) -> None:
    """Both probes are 200 and never cached."""
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        async with house.client.get(path) as response:
            assert (response.status, await response.json()) == (200, {"status": status})
            assert response.headers["Cache-Control"] == "no-store"


async def test_without_its_catalog_a_server_is_alive_but_not_ready(tmp_path: Path) -> None:
    """/readyz is 503 with the reason until the catalog answers again; /healthz is 200, since no restart helps."""
    catalog = LostCatalog()
    async with open_house(tmp_path, catalog=catalog) as house:
        catalog.is_lost = True
        response = await house.client.get("/readyz")
        assert "database cannot be reached" in await assert_problem(response, 503, "unavailable")
        assert (await house.client.get("/healthz")).status == 200
        catalog.is_lost = False
        assert (await house.client.get("/readyz")).status == 200


async def test_a_server_that_drains_is_not_ready(house: House) -> None:
    """/readyz is 503 from then on, so that no more requests are sent here; those that come are answered."""
    house.services.health.drain()
    await assert_problem(await house.client.get("/readyz"), 503, "unavailable")
    assert (await house.client.get("/api/videos")).status == 200


async def test_the_numbers_follow_what_happens(house: House) -> None:
    """Jobs by status, running encoders, uploads under way and open streams."""
    complete = await house.complete()
    running = await house.growing()
    await house.upload()
    _, cancelled = await house.upload()
    await house.json(f"/api/jobs/{cancelled['id']}", method="DELETE", status=202)
    async with house.client.get("/api/events") as stream, house.services.receive.upload():
        await next_event(stream)
        found = await numbers(house)
    assert {label: value for (name, label), value in found.items() if name == "jobs"} == {
        "READY": 1,
        "RUNNING": 1,
        "COMPLETE": 1,
        "ERROR": 1,
    }
    gauges = ("encoders_running", "uploads_under_way", "event_streams_open")
    assert [found[name, ""] for name in gauges] == [1, 1, 1]
    assert running["id"] != complete["id"]


async def test_answers_are_counted_by_their_class(house: House) -> None:
    """One number a class of status, whatever addresses are asked for; media is not counted."""
    before = await numbers(house)
    video = await house.complete()
    for path in ("/nothing", "/api/jobs/nothing", "/api/videos?limit=0"):
        await house.client.get(path)
    await house.client.get(video["source_url"])
    await house.client.get("/media/nothing")
    after = await numbers(house)
    counted = {label: value for (name, label), value in after.items() if name == "http_responses_total"}
    # The first look, the upload, the video as it is in the end.
    assert counted == {"2xx": 3, "4xx": 3}
    assert ("http_responses_total", "2xx") not in before


async def test_numbers_are_there_while_the_catalog_is_away(tmp_path: Path) -> None:
    """All but those that only the catalog knows, and none that is out of date."""
    catalog = LostCatalog()
    async with open_house(tmp_path, catalog=catalog) as house:
        await house.complete()
        assert (await numbers(house))["jobs", "COMPLETE"] == 1
        catalog.is_lost = True
        found = await numbers(house)
        assert found["http_responses_total", "2xx"] > 0
        assert not [name for name, _ in found if name == "jobs"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_can_be_asked_by_head(house: House, path: str) -> None:
    """Some load balancers do."""
    response = await house.client.head(path)
    assert (response.status, await response.read()) == (200, b"")
