"""How long caches may keep what is delivered."""

import pytest

from streamserver.domain.caching import (
    FINISHED_PLAYLIST,
    IMMUTABLE,
    NEVER,
    multivariant_policy,
    playlist_policy,
)
from streamserver.domain.videos import Rendition, RenditionStatus


def directives(policy: str) -> dict[str, str]:
    """Read a Cache-Control field (RFC 9111 §5.2)."""
    parts = (part.strip().partition("=") for part in policy.split(","))
    return {name: value for name, _, value in parts}


def rendition(status: RenditionStatus, target_seconds: int) -> Rendition:
    return Rendition(
        key="k",
        video_id="v",
        name="720p",
        width=2,
        height=2,
        frame_rate=25,
        target_seconds=target_seconds,
        status=status,
    )


def test_finished_media_is_kept_for_ever() -> None:
    """What never changes under its address may be kept for a year, without asking again (RFC 8246)."""
    assert directives(IMMUTABLE) == {"public": "", "max-age": "31536000", "immutable": ""}


@pytest.mark.parametrize("target_seconds", [4, 10])
def test_a_growing_playlist_is_asked_for_again_in_time(target_seconds: int) -> None:
    """Half a target duration, so that a player which asks once a target duration sees what is new."""
    policy = playlist_policy(rendition(RenditionStatus.GROWING, target_seconds))
    assert directives(policy) == {"public": "", "max-age": str(target_seconds // 2)}


def test_a_finished_playlist_is_kept_for_a_while() -> None:
    """A playlist that has its end may be kept, and shown while it is asked for again (RFC 5861)."""
    for policy in (playlist_policy(rendition(RenditionStatus.COMPLETE, 4)), multivariant_policy(is_complete=True)):
        assert policy == FINISHED_PLAYLIST
    assert set(directives(FINISHED_PLAYLIST)) == {"public", "max-age", "stale-while-revalidate"}
    assert 0 < int(directives(FINISHED_PLAYLIST)["max-age"]) <= 300


def test_new_renditions_are_found_soon() -> None:
    """While a video is encoded its multivariant playlist is hardly kept."""
    assert directives(multivariant_policy(is_complete=False)) == {"public": "", "max-age": "1"}


def test_the_moment_is_not_kept() -> None:
    """What is true for this moment alone is not stored at all."""
    assert directives(NEVER) == {"no-store": ""}
