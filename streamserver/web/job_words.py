"""A job in words, as pages are sent; `static/src/lib/job-text.js` says the same once reports come in."""

from collections.abc import Callable
from datetime import datetime

from streamserver.web.documents import Document

STAGES = {
    "upload": "Received",
    "probe": "Looking at the file",
    "remux": "Copying the original",
    "wait": "Waiting to go on",
    "encode": "Encoding",
    "publish": "Finishing",
}
LOST = frozenset({"cancelled", "cut_off", "gone", "unsupported_media", "checksum_mismatch", "too_large"})
"""What went wrong with files on their way of which nothing is left: only their uploaders can send them again."""
BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB")
UNITS = (("hour", 3600), ("minute", 60), ("second", 1))


def status_words(job: Document) -> str:
    """Say where a job stands, such as `Waiting, 3rd in the queue`."""
    match job["status"]:
        case "COMPLETE":
            return "In the library already" if job["is_duplicate"] else "Complete"
        case "ERROR":
            return "Cancelled" if is_cancelled(job) else "Failed"
        case "READY":
            if job["retry_at"] and not job["queue_position"]:
                return "Waiting to be tried again"
            return _receiving_words(job) if _is_receiving(job) else "Waiting" + _place_words(job)
        case _:
            return STAGES.get(job["stage"], "Working") + _place_words(job)


def progress_words(job: Document) -> list[str]:
    """Give the figures of a job that is not over, such as `34 %` and `about 3 minutes left`."""
    if _is_receiving(job):
        return _received_words(job)
    facts = []
    if job["status"] == "RUNNING":
        facts.append(f"{int(job['percent'])} %")
    state = state_of(job)
    if state == "waiting":
        if ready := [rendition["name"] for rendition in job["renditions"] if rendition["percent"] == 100]:
            facts.append(f"{', '.join(ready)} ready")
        if job["eta_seconds"]:
            facts.append(f"done in about {span_words(job['eta_seconds'])}")
    elif state == "running":
        if job["speed"]:
            facts.append(f"{job['speed']:.{1 if job['speed'] < 10 else 0}f}× real time")
        if job["frames_per_second"]:
            facts.append(f"{job['frames_per_second']:.0f} frames/s")
        if job["eta_seconds"]:
            facts.append(f"about {span_words(job['eta_seconds'])} left")
    return facts


def problem_words(job: Document) -> str:
    """Say what went wrong, or went wrong the last time; nothing where somebody wanted it so."""
    if job["error"]:
        return "" if is_cancelled(job) else str(job["error"]["message"])
    return f"The last attempt failed: {job['last_error']['message']}" if job["last_error"] else ""


def took_words(job: Document) -> str:
    """Say how long the attempt took with which a job ended, such as `took 3 minutes 20 seconds`."""
    if not job["finished_at"] or not job["started_at"]:
        return ""
    seconds = (
        datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    ).total_seconds()
    return f"took {_exact_words(seconds)}"


def moment_words(text: str) -> str:
    """Write an RFC 3339 time as `21 Nov 2026, 14:02 UTC`."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def can_retry(job: Document) -> bool:
    """Tell whether to try again makes sense, also before it would be tried again anyhow.

    It does not where the file itself was the fault, or was never whole, unless the server can fetch it again.
    """
    if job["status"] == "READY":
        return bool(job["retry_at"]) and not job["queue_position"] and job["received_bytes"] is None
    if job["status"] != "ERROR":
        return False
    code = job["error"]["code"] if job["error"] else None
    return code not in LOST if job["received_bytes"] is not None else code != "source_unusable"


def is_cancelled(job: Document) -> bool:
    """Tell whether a job ended because somebody did not want it any more."""
    return bool(job["error"]) and job["error"]["code"] == "cancelled"


def state_of(job: Document) -> str:
    """Say in which list a job stands.

    `running`, `receiving` (its file is on its way), `waiting` (also between two of its tasks), or `ended`.
    """
    if job["status"] in {"COMPLETE", "ERROR"}:
        return "ended"
    if _is_receiving(job):
        return "receiving"
    return "waiting" if job["status"] == "READY" or job["stage"] == "wait" else "running"


def bytes_words(count: float) -> str:
    """Write a number of bytes in decimal units, such as `12.3 MB`."""
    unit = 0
    while count >= 999.5 and unit < len(BYTE_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.{1 if unit and count < 99.95 else 0}f} {BYTE_UNITS[unit]}"


def ordinal(number: int) -> str:
    """Write `1st`, `2nd`, `11th`, `23rd`."""
    suffixes = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in {11, 12, 13} else suffixes.get(number % 10, 'th')}"


def span_words(seconds: float) -> str:
    """Write what can only be guessed: in steps of five seconds, then of minutes, such as `1 hour 20 minutes`."""
    if seconds < 57.5:
        return _exact_words(max(5, 5 * int(seconds / 5 + 0.5)))
    return _exact_words(60 * max(1, int(seconds / 60 + 0.5)))


def _is_receiving(job: Document) -> bool:
    return job["status"] == "READY" and job["received_bytes"] is not None


def _receiving_words(job: Document) -> str:
    if job["size_bytes"] is not None and job["received_bytes"] >= job["size_bytes"]:
        return "Checking the file"
    if job["bytes_per_second"] is not None:
        return "Receiving"
    return "On hold" if job["received_bytes"] else "Waiting for the file"


def _received_words(job: Document) -> list[str]:
    if not job["received_bytes"] and not job["size_bytes"]:
        return []
    facts = [bytes_words(job["received_bytes"])]
    if job["size_bytes"]:
        facts = [f"{facts[0]} of {bytes_words(job['size_bytes'])}", f"{int(job['percent'])} %"]
    if job["bytes_per_second"]:
        facts.append(f"{bytes_words(job['bytes_per_second'])}/s")
    if job["eta_seconds"]:
        facts.append(f"about {span_words(job['eta_seconds'])} left")
    return facts


def _place_words(job: Document) -> str:
    return f", {ordinal(job['queue_position'])} in the queue" if job["queue_position"] else ""


def _exact_words(seconds: float) -> str:
    """Write the two largest units that are not zero."""
    if seconds < 1:
        return "less than a second"
    rest, parts = int(seconds), []
    for name, length in UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


FILTERS: dict[str, Callable[..., object]] = {
    "status_words": status_words,
    "progress_words": progress_words,
    "problem_words": problem_words,
    "took_words": took_words,
    "moment_words": moment_words,
    "can_retry": can_retry,
    "state_of": state_of,
}
"""What templates call."""
