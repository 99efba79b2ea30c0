"""A page as a real browser sees it; the browser itself is a fixture of tests/conftest.py."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page, Request

# Loud words of the console that are no fault of a page.
_QUIET = ("favicon",)


class Visit:
    """A page as a browser sees it, and what it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.context = browser.new_context(base_url=url, **context)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self._finished: list[Request] = []
        self.page.on("request", self._request)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("requestfinished", lambda request: self._finished.append(request))

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    def weight(self) -> int:
        """Bytes over the wire of what the page is painted from."""
        painted = [each for each in self._finished if each.resource_type not in ("fetch", "eventsource")]
        sizes = [each.sizes() for each in painted]
        return sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)

    @property
    def complaints(self) -> list[str]:
        return [text for text in self.said if not any(word in text for word in _QUIET)]

    def close(self) -> None:
        self.context.close()
