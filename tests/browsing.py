"""A page as a real browser sees it; the browser itself is a fixture of tests/conftest.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Request

DESK = {"width": 1280, "height": 800}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_TALLEST, _COLOURS = 3_600, 128
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

    def faults(self) -> list[tuple[str, list[str]]]:
        """What axe has against the page: the rule, and the first elements that break it."""
        found = Axe().run(self.page).response["violations"]
        return [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in found]

    def too_wide(self) -> int:
        """Pixels by which the page is wider than the screen."""
        element = "document.documentElement"
        return int(self.page.evaluate(f"{element}.scrollWidth - {element}.clientWidth"))

    def take_picture(self, path: Path) -> None:
        """Of the whole page, or of as much as a document has room for; a quarter of a screenshot's size."""
        self.page.screenshot(path=path, full_page=True)
        with Image.open(path) as taken:
            whole = taken.crop((0, 0, taken.width, min(taken.height, _TALLEST)))
            whole.quantize(_COLOURS).save(path, optimize=True)

    @property
    def complaints(self) -> list[str]:
        return [text for text in self.said if not any(word in text for word in _QUIET)]

    def close(self) -> None:
        self.context.close()
