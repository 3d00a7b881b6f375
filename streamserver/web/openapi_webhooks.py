"""What the server asks others, as the API's description has it: OpenAPI 3.1 knows webhooks."""

from typing import Any

from streamserver.domain.webhooks import EventKind
from streamserver.web.schemas import Schema, an_object, ref, text

SUMMARIES = {
    EventKind.PLAYABLE: "Something of a video can be watched from now on",
    EventKind.COMPLETE: "All renditions of a video are there",
    EventKind.FAILED: "A video's job failed, or was cancelled",
}
HEADERS = {
    "webhook-id": "Names the message, in each attempt alike",
    "webhook-timestamp": "When this attempt was made, in seconds",
    "webhook-signature": (
        "`v1,` and the Base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`; for each secret, "
        "spaces between"
    ),
}


def message_schema(kind: EventKind) -> Schema:
    """Describe the body of a message."""
    error = {"type": "null"} if kind is not EventKind.FAILED else ref("JobError")
    return an_object(
        type=text("What happened", const=kind.value),
        timestamp=text("When it happened (RFC 3339, UTC)", format="date-time"),
        data=an_object(job_id=text("The job by which it happened"), error=error, video=ref("Video")),
    )


def _webhook(kind: EventKind) -> dict[str, Any]:
    return {
        "post": {
            "operationId": kind.value,
            "summary": SUMMARIES[kind],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": True,
                    "description": words,
                    "schema": {"type": "string"},
                }
                for name, words in HEADERS.items()
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": message_schema(kind)}}},
            "responses": {
                "2XX": {"description": "The message was taken"},
                "410": {"description": "It is not to be sent again"},
                "default": {"description": "It is sent again later"},
            },
        }
    }


WEBHOOKS = {kind.value: _webhook(kind) for kind in EventKind}
