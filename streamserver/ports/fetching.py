"""Where files come from that a link names."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from streamserver.domain.downloads import AnswerHead
from streamserver.domain.links import Link


class Answer(Protocol):
    """An answer whose body is read as it comes."""

    @property
    def head(self) -> AnswerHead:
        """How it begins."""

    async def read(self) -> bytes:
        """Return the next bytes of the body, as they were sent; empty at its end.

        May be cancelled, and called again. Raises `LinkCut` where the connection is lost before the end,
        `LinkFault` where more comes than was announced.
        """


class Fetcher(Protocol):
    """What asks other servers for files, and never one that may not be asked."""

    def ask(self, link: Link, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Answer]:
        """Ask for a file, wherever redirections lead.

        Raises `LinkForbidden` where they, or the names of hosts, lead to where links may not; `LinkFault` where
        they do not come to an end, or what is there can never answer; `LinkAway` where it does not answer now.
        """

    async def close(self) -> None:
        """Give back what is held."""
