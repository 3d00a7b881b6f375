"""What can go wrong, as one tree.

    StreamserverError
    ├── Rejected               the caller can mend it
    │   ├── BadInput
    │   ├── Unauthorized
    │   ├── Forbidden
    │   │   └── LinkForbidden  a link that leads where none may lead
    │   │   ├── UrlAltered
    │   │   ├── UrlExpired
    │   │   └── UrlOfOtherMethod
    │   ├── NotFound
    │   │   └── Gone
    │   ├── Conflict
    │   │   └── Incomplete
    │   ├── UnknownVersion
    │   ├── TooLarge
    │   ├── UnsupportedMedia
    │   ├── ChecksumMismatch
    │   └── TooSlow
    ├── Unavailable            later it may work
    │   ├── QueueFull
    │   ├── TooManyUploads
    │   ├── Locked
    │   ├── StorageFull
    │   ├── StorageFault
    │   └── NotReady
    ├── EncodingFailed         why a job, or one attempt at it, failed
    │   ├── SourceFault        the source's fault: final
    │   ├── EncoderFault       ours: tried again when somebody asks for it
    │   ├── EncoderStalled     the source's, as far as can be told: likewise
    │   ├── MachineFault       the machine's: tried again by itself
    │   │   ├── OutOfRoom
    │   │   ├── OutOfMemory
    │   │   ├── EncoderKilled
    │   │   ├── EncoderHung
    │   │   └── CatalogAway
    │   └── Cancelled
    ├── ImportFailed           why a file could not be had from a link, or not at once
    │   ├── LinkFault          the link's fault: final
    │   └── LinkAway           tried again by itself
    │       └── LinkCut
    └── SettingsError          why the server did not start

Each class has a `code` that never changes once published; a status of a protocol is chosen elsewhere.
A class's docstring is its default message, so it is a sentence for a person.
"""

from typing import ClassVar


class StreamserverError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)


class Rejected(StreamserverError):
    """The request cannot be carried out as it was sent."""

    code = "rejected"


class BadInput(Rejected):
    """A part of the request is not understood."""

    code = "bad_input"


class Unauthorized(Rejected):
    """This server wants to know who you are; please give your name and your token."""

    code = "unauthorized"


class Forbidden(Rejected):
    """This may not be done from here."""

    code = "forbidden"


class LinkForbidden(Forbidden):
    """The link leads where this server does not go."""

    code = "link_forbidden"


class UrlAltered(Forbidden):
    """This URL is not as this server signed it, or its key was withdrawn; please ask for a new one."""

    code = "url_altered"


class UrlExpired(Forbidden):
    """This URL has expired; please ask for a new one."""

    code = "url_expired"


class UrlOfOtherMethod(Forbidden):
    """This URL is for another method."""

    code = "url_of_other_method"


class NotFound(Rejected):
    """There is nothing under this address."""

    code = "not_found"


class Gone(NotFound):
    """The upload was ended, or was left alone for too long; please start a new one."""

    code = "gone"


class Conflict(Rejected):
    """This cannot be done in the present state."""

    code = "conflict"


class Incomplete(Conflict):
    """Not all of the file is here yet."""

    code = "incomplete"


class UnknownVersion(Rejected):
    """The request is in a version of the protocol that this server does not speak."""

    code = "unknown_version"


class TooLarge(Rejected):
    """The file is larger than this server accepts."""

    code = "too_large"


class UnsupportedMedia(Rejected):
    """The file is not a video that this server understands."""

    code = "unsupported_media"


class ChecksumMismatch(Rejected):
    """The bytes that arrived are not those that were sent; please send them again."""

    code = "checksum_mismatch"


class TooSlow(Rejected):
    """Nothing came for too long; what had come is kept, and the upload can be resumed."""

    code = "too_slow"


class Unavailable(StreamserverError):
    """The server cannot do this just now; please try again later."""

    code = "unavailable"
    retry_after_seconds: ClassVar[int] = 5


class QueueFull(Unavailable):
    """Too many videos are waiting to be encoded; please try again in a minute."""

    code = "queue_full"
    retry_after_seconds = 60


class TooManyUploads(Unavailable):
    """You have too many uploads under way; please let one of them end first."""

    code = "too_many_uploads"
    retry_after_seconds = 60


class Locked(Unavailable):
    """The upload is being written to by another connection."""

    code = "locked"


class StorageFull(Unavailable):
    """The server has no room left to store the file."""

    code = "storage_full"
    retry_after_seconds = 600


class StorageFault(Unavailable):
    """The server's disk failed to store the bytes; please try again later."""

    code = "storage_fault"
    retry_after_seconds = 60


class NotReady(Unavailable):
    """Nothing of this video can be watched yet; it is being encoded."""

    code = "not_ready"
    retry_after_seconds = 2


class EncodingFailed(StreamserverError):
    """The video could not be encoded."""

    code = "encoding_failed"


class SourceFault(EncodingFailed):
    """The file is not a video that can be played."""

    code = "source_unusable"


class EncoderFault(EncodingFailed):
    """The encoder stopped with an error; trying again may help."""

    code = "encoder_failed"


class EncoderStalled(EncodingFailed):
    """The encoder worked on without making any progress, and was stopped; trying again may help."""

    code = "encoder_stalled"


class MachineFault(EncodingFailed):
    """The machine could not do what the encoder asked of it."""

    code = "machine_failed"


class OutOfRoom(MachineFault):
    """The server ran out of room while encoding."""

    code = "out_of_room"


class OutOfMemory(MachineFault):
    """The server ran out of memory while encoding."""

    code = "out_of_memory"


class EncoderKilled(MachineFault):
    """The encoder was killed from outside, most likely for want of memory."""

    code = "encoder_killed"


class EncoderHung(MachineFault):
    """The encoder stood still, as it does when the disk does not answer, and was stopped."""

    code = "encoder_hung"

    def __init__(self, message: str | None = None, *, at_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.at_seconds = at_seconds
        """How much of the source it had encoded by then."""


class CatalogAway(MachineFault):
    """The database could not be reached while encoding."""

    code = "catalog_away"


class Cancelled(EncodingFailed):
    """The job was cancelled."""

    code = "cancelled"


class ImportFailed(StreamserverError):
    """The file could not be had from its link."""

    code = "import_failed"


class LinkFault(ImportFailed):
    """What is behind the link is not a file that can be had."""

    code = "link_unusable"


class LinkAway(ImportFailed):
    """The server behind the link does not answer; trying again may help."""

    code = "link_unreachable"

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LinkCut(LinkAway):
    """The connection was lost before the end of the file."""

    code = "link_cut"


class SettingsError(StreamserverError):
    """A setting is unknown or has a value that is not allowed."""

    code = "settings"
