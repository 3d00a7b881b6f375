"""The building blocks of the API's description."""

from http import HTTPStatus
from typing import Any

from streamserver.web.errors import PHRASES
from streamserver.web.schemas import Schema, ref, text

RETRY_AFTER = {
    "Retry-After": {
        "description": "When to try again, in seconds",
        "schema": {"type": "integer", "minimum": 1},
    }
}
LOCATION = {"Location": {"description": "Of what is new", "schema": text("A path", format="uri-reference")}}


def json_answer(status: int, schema: Schema, description: str = "", headers: Schema | None = None) -> Schema:
    """Describe an answer in JSON."""
    return answer(status, "application/json", schema, description, headers)


def answer(
    status: int, content_type: str, schema: Schema, description: str = "", headers: Schema | None = None
) -> Schema:
    """Describe an answer, by its status."""
    described: Schema = {
        "description": description or PHRASES.get(status) or HTTPStatus(status).phrase,
        "content": {content_type: {"schema": schema}},
    }
    if headers:
        described["headers"] = headers
    return {str(status): described}


def problems(*statuses: int) -> Schema:
    """Describe what may be refused, by status."""
    found: Schema = {}
    for status in statuses:
        found |= answer(
            status,
            "application/problem+json",
            ref("Problem"),
            headers=RETRY_AFTER if status in {423, 429, 503, 507} else None,
        )
    return found


def operation(name: str, summary: str, answers: Schema, **more: Any) -> Schema:  # noqa: ANN401 - JSON
    """Describe what can be asked for."""
    return {"operationId": name, "summary": summary, **more, "responses": answers}


def in_path(name: str) -> Schema:
    """Describe a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def in_query(name: str, description: str, schema: Schema) -> Schema:
    """Describe a parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema}
