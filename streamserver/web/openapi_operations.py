"""How operations and their answers are described: OpenAPI 3.1."""

from http import HTTPStatus
from typing import Any

from streamserver.web.errors import PHRASES
from streamserver.web.schemas import Schema, ref

RETRY_AFTER = {
    "Retry-After": {
        "description": "When to try again, in seconds",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def json_answer(
    status: int, schema: Schema, description: str = "", headers: Schema | None = None
) -> dict[str, Any]:
    """Describe an answer that is JSON."""
    return answer(status, "application/json", schema, description, headers)


def answer(
    status: int, content_type: str, schema: Schema, description: str = "", headers: Schema | None = None
) -> dict[str, Any]:
    """Describe an answer, under its status."""
    described: dict[str, Any] = {
        "description": description or PHRASES.get(status) or HTTPStatus(status).phrase,
        "content": {content_type: {"schema": schema}},
    }
    if headers:
        described["headers"] = headers
    return {str(status): described}


def problems(*statuses: int) -> dict[str, Any]:
    """Describe the refusals of an operation."""
    found: dict[str, Any] = {}
    for status in statuses:
        found |= answer(
            status,
            "application/problem+json",
            ref("Problem"),
            headers=RETRY_AFTER if status in {423, 429, 503, 507} else None,
        )
    return found


def operation(name: str, summary: str, answers: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Describe what a method does at an address."""
    return {"operationId": name, "summary": summary, **more, "responses": answers}


def in_path(name: str) -> dict[str, Any]:
    """Describe a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def in_query(name: str, description: str, schema: Schema) -> dict[str, Any]:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}
