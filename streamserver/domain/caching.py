"""How long caches may keep what is delivered (RFC 9111, RFC 8246, RFC 5861)."""

from streamserver.domain.videos import AnyRendition, RenditionStatus

IMMUTABLE = "public, max-age=31536000, immutable"
"""Finished media under a key that is new for every encode."""
FINISHED_PLAYLIST = "public, max-age=60, stale-while-revalidate=600"
"""A playlist that will hardly change; its ETag makes asking again cheap."""
NEVER = "no-store"
"""What is true for this moment alone."""


def playlist_policy(rendition: AnyRendition) -> str:
    """Return the policy for a media playlist: while it grows, half of its target duration."""
    if rendition.status is RenditionStatus.COMPLETE:
        return FINISHED_PLAYLIST
    return f"public, max-age={rendition.target_seconds // 2}"


def multivariant_policy(*, is_complete: bool) -> str:
    """Return the policy for a multivariant playlist: new renditions shall be found soon."""
    return FINISHED_PLAYLIST if is_complete else "public, max-age=1"
