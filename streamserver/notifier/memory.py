"""The notifier of tests, which shows what a notifier means."""

from collections.abc import Awaitable, Callable, Mapping

from streamserver.errors import Unavailable

Receiver = Callable[[Mapping[str, str], bytes], Awaitable[int]]
"""Takes header fields and a body, and answers with a status."""


class MemoryNotifier:
    """`Notifier` inside of one process: receivers are functions, by URL."""

    def __init__(self, receivers: Mapping[str, Receiver] | None = None) -> None:
        self.receivers: dict[str, Receiver] = dict(receivers or {})

    async def check(self, url: str) -> None:
        """See `Notifier.check`."""
        self._receiver(url)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See `Notifier.post`."""
        return await self._receiver(url)(headers, body)

    async def close(self) -> None:
        """Hold nothing, so give nothing back."""

    def _receiver(self, url: str) -> Receiver:
        try:
            return self.receivers[url]
        except KeyError:
            raise Unavailable(f"Nobody listens at {url}.") from None
