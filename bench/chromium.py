"""Debian's Chromium without a window, for the tests and for what only a browser can measure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_QUIET = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-sync", "--disable-background-networking")
_QUIETER = ("--disable-component-update", "--no-first-run")


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """An event loop runs on this thread meanwhile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_QUIET, *_QUIETER])
        yield browser
        browser.close()
