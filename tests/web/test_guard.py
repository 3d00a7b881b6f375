"""What keeps other sites from acting through a visitor's browser."""

import pytest

from tests.web.house import House, assert_problem
from tests.web.wire import FORM, exchange, file_part, form_body, request_bytes


@pytest.mark.parametrize("path", ["/", "/upload", "/jobs", "/api/videos", "/nothing", "/healthz", "/metrics"])
async def test_every_answer_carries_what_protects_it(house: House, path: str) -> None:
    """Nothing from other origins is run or framed, types are not guessed, addresses stay in the house."""
    headers = (await house.client.get(path)).headers
    policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == policy["frame-ancestors"] == "'self'"
    assert "script-src" not in policy
    for sources in policy.values():
        assert "http" not in sources
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_media_is_not_sniffed_at(house: House) -> None:
    """Strangers' bytes are what their type says, and a source is for saving, not for showing."""
    video = await house.complete()
    for address in (video["source_url"], video["poster_url"], video["hls_url"]):
        headers = (await house.client.get(address)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert ("Content-Disposition" in headers) == (address == video["source_url"])


HERE = "http://127.0.0.1:{port}"
CROSS_SITE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    # Browsers send no Sec-Fetch-Site over plain HTTP to another machine, and old ones never.
    {"Origin": "https://elsewhere.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://elsewhere.example:{port}"},
    {"Origin": "null"},
    {"Origin": "::"},
)
OWN: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": HERE},
    # Behind a proxy that speaks TLS and names another host to us.
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://videos.example"},
)


def filled(headers: dict[str, str], house: House) -> dict[str, str]:
    return {name: value.format(port=house.port) for name, value in headers.items()}


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
async def test_a_page_of_another_site_changes_nothing(house: House, headers: dict[str, str]) -> None:
    """POST, PATCH and DELETE that it asks for are 403, before anything of them is read; looking is allowed."""
    headers = filled(headers, house)
    video = await house.complete()
    requests = [
        (
            "POST",
            "/api/videos",
            {"data": form_body(file_part(b"x")), "headers": {"Content-Type": FORM, **headers}},
        ),
        ("PATCH", f"/api/videos/{video['id']}", {"json": {"title": "Mine now"}, "headers": headers}),
        ("DELETE", f"/api/videos/{video['id']}", {"headers": headers}),
        ("DELETE", f"/api/jobs/{video['job_id']}", {"headers": headers}),
        ("POST", f"/api/jobs/{video['job_id']}/retry", {"headers": headers}),
    ]
    for method, path, options in requests:
        response = await house.client.request(method, path, **options)  # type: ignore[arg-type]  # as in the table
        await assert_problem(response, 403, "forbidden")
    assert await house.json(f"/api/videos/{video['id']}", headers=headers) == video


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_own_pages_and_programs_may_change_things(house: House, headers: dict[str, str]) -> None:
    """A request from this server's pages, from an address typed in, and from no browser at all."""
    video = await house.complete()
    path = f"/api/videos/{video['id']}"
    answer = await house.json(path, method="PATCH", json={"title": "New"}, headers=filled(headers, house))
    assert answer["title"] == "New"


async def test_a_refused_upload_is_answered_before_it_is_sent(house: House) -> None:
    """The answer does not wait for the body."""
    headers = {"Content-Type": FORM, "Content-Length": "1000000", "Sec-Fetch-Site": "cross-site"}
    answer = await exchange(house.port, request_bytes("/api/videos", method="POST", headers=headers))
    assert answer.status == 403
