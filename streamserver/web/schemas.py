"""The shapes of the API's JSON, as JSON Schema 2020-12; `documents` writes what these describe."""

from enum import StrEnum
from typing import Any

from streamserver.domain.jobs import JobStatus, Stage
from streamserver.domain.titles import MAX_TITLE
from streamserver.domain.videos import RenditionStatus, VideoStatus

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """Refer to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(**properties: Schema) -> Schema:
    """Describe an object that always has all of its properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


def list_of(items: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": items}


def text(description: str, **more: object) -> Schema:
    """Describe a string."""
    return {"type": "string", "description": description, **more}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _number(description: str, **more: object) -> Schema:
    return {"type": "number", "description": description, **more}


def _whole(description: str, **more: object) -> Schema:
    return {"type": "integer", "description": description, **more}


def _address(description: str) -> Schema:
    return text(description, format="uri-reference")


def _time(description: str) -> Schema:
    return text(f"{description} (RFC 3339, UTC)", format="date-time")


def _one_of(values: type[StrEnum], description: str) -> Schema:
    return text(description, enum=[value.value for value in values])


_PERCENT = {"minimum": 0, "maximum": 100}
_PIXELS = {"minimum": 1}

RENDITION = an_object(
    name=text("What people call it, such as `720p`"),
    key=text("Names it in URLs; new for every encode"),
    width=_whole("Pixels", **_PIXELS),
    height=_whole("Pixels", **_PIXELS),
    frame_rate=_number("Frames in a second", exclusiveMinimum=0),
    bit_rate_bps=_whole("Average over the whole file; planned while it grows", minimum=0),
    status=_one_of(RenditionStatus, "Whether its file still grows"),
    file_url=_address("The whole file, by Range; 503 while it grows"),
    region_url=_address("The same file, at most one region an answer"),
    playlist_url=_address("Its HLS media playlist"),
)
VIDEO = an_object(
    id=text("Opaque"),
    title=text("As its uploader wants it called", maxLength=MAX_TITLE),
    status=_one_of(
        VideoStatus, "`playable`: something can be watched; `complete`: all renditions are there; `error`: nothing"
    ),
    url=_address("The page with the player"),
    created_at=_time("When it was uploaded"),
    duration_seconds=_or_null(_number("Null until the file was looked into", exclusiveMinimum=0)),
    width=_or_null(_whole("As displayed; null until the file was looked into", **_PIXELS)),
    height=_or_null(_whole("As displayed; null until the file was looked into", **_PIXELS)),
    poster_url=_or_null(_address("A picture that stands for it; null until there is one")),
    hls_url=_or_null(_address("The HLS multivariant playlist; null until something can be watched")),
    dash_url=_or_null(_address("The DASH manifest (MPD); null until something can be watched")),
    source_url=_or_null(_address("The file as it was uploaded; null in `error`")),
    storyboard_url=_or_null(_address("Pictures for seeking (WebVTT); null until they are there")),
    chapters_url=_or_null(_address("Chapters (WebVTT); null where it has none")),
    chapters=list_of(ref("Chapter")),
    subtitles=list_of(ref("Subtitle")),
    audio={
        **list_of(ref("AudioTrack")),
        "description": "Where there are several sound tracks; the first is heard unless somebody chooses",
    },
    renditions={**list_of(ref("Rendition")), "description": "Best first"},
    job_id=text("The job that encodes it"),
)
JOB = an_object(
    id=text("Opaque"),
    video_id=text("The video it works for"),
    status=_one_of(JobStatus, "Where it stands"),
    stage=_one_of(Stage, "What is, or was last, being done"),
    percent=_number(
        "Of the upload, then of the encoding; never falls within one attempt at either; 100 only when COMPLETE",
        **_PERCENT,
    ),
    speed=_or_null(_number("Seconds of video encoded in a second", minimum=0)),
    frames_per_second=_or_null(_number("Frames encoded in a second", minimum=0)),
    eta_seconds=_or_null(_number("What is left, as far as is known", minimum=0)),
    queue_position=_or_null(_whole("1 for the job that is next; null when it does not wait in line", minimum=1)),
    attempt=_whole("How often it was begun", minimum=0),
    failures=_whole("How many attempts the machine has failed since somebody wanted the job tried", minimum=0),
    last_error={
        "oneOf": [ref("JobError"), {"type": "null"}],
        "description": "Why the attempt before failed, where it is tried again by itself",
    },
    retry_at=_or_null(_time("When it is tried again; null where it does not wait for that")),
    error={"oneOf": [ref("JobError"), {"type": "null"}], "description": "Set in ERROR alone"},
    renditions=list_of(ref("RenditionProgress")),
    sequence=_whole("Rises with every report; the `id` of its Server-Sent Event", minimum=0),
    created_at=_time("When the file was received"),
    started_at=_or_null(_time("When the present attempt began")),
    finished_at=_or_null(_time("When it ended")),
    title=_or_null(text("What the video will be called, while its file is received and the library lacks it")),
    received_bytes=_or_null(_whole("How much of the file has come; null once all of it is here", minimum=0)),
    size_bytes=_or_null(_whole("How long the file is, while it is received and where that is known", minimum=0)),
    bytes_per_second=_or_null(_number("How fast the file is coming; null where nothing comes now", minimum=0)),
    is_duplicate={
        "type": "boolean",
        "description": "Whether the file was here already: then `video_id` is the video that has it",
    },
)
SCHEMAS = {
    "Video": VIDEO,
    "Rendition": RENDITION,
    "Chapter": an_object(
        start_seconds=_number("When it begins", minimum=0),
        end_seconds=_number("When it ends", exclusiveMinimum=0),
        title=text("What its author calls it"),
    ),
    "AudioTrack": an_object(
        language=text("BCP 47; `und` where the source does not tell"),
        label=text("What a menu shows"),
        playlist_url=_address("Its HLS media playlist"),
    ),
    "Subtitle": an_object(
        key=text("Names it in URLs"),
        url=_address("WebVTT"),
        language=text("BCP 47; `und` where the source does not tell"),
        label=text("What a menu shows"),
    ),
    "Job": JOB,
    "JobError": an_object(code=text("Stable, for programs"), message=text("A sentence for a person")),
    "RenditionProgress": an_object(name=text("As in the video"), percent=_number("How far it is", **_PERCENT)),
    "Problem": an_object(
        type=text("Names the kind of problem: `urn:streamserver:` and the code", format="uri"),
        title=text("The status in words"),
        status=_whole("The status code", minimum=400, maximum=599),
        detail=text("A sentence for a person that says what to do"),
        code=text("Stable, for programs"),
    ),
}
