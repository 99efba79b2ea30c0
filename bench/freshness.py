"""How soon a block that the node has is on a page that stands open in a real browser."""

from __future__ import annotations

import shutil
import threading
import time

from bench.chromium import chromium
from chain.heads import heads
from errors import EnvironmentFault

HEADS = 40
_QUIET_SECONDS = 30.0
# The moment at which the page first has a link to a block, by the block's number.
_WATCH = """() => {
    const seen = (window.seenAt = {});
    const look = () => {
        for (const link of document.querySelectorAll('a[href^="/block/"]'))
            seen[link.getAttribute("href").slice(7)] ??= Date.now();
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""


def freshness(ws_url: str, page_url: str) -> list[float]:
    """Milliseconds from the node's word of each of so many heads until the page links to the block.

    Raises EnvironmentFault where there is no browser, the chain stops, or a block does not come to the page.
    """
    program = shutil.which("chromium")
    if program is None:
        raise EnvironmentFault("the command `chromium` is not installed", fix="apt-get install chromium")
    with chromium(program) as browser:
        page = browser.new_page()
        page.goto(page_url, wait_until="load")
        page.evaluate(_WATCH)
        told = _told(ws_url)
        deadline = time.monotonic() + _QUIET_SECONDS
        seen: dict[str, float] = {}
        while missed := [number for number in told if str(number) not in seen]:
            if time.monotonic() > deadline:
                raise EnvironmentFault(f"the page never had a link to blocks {missed}", where=page_url)
            seen = page.evaluate("window.seenAt")
    return [seen[str(number)] - at for number, at in told.items()]


def _told(ws_url: str) -> dict[int, float]:
    """When the node told of each of its next heads, in milliseconds since 1970, as browsers count."""
    told: dict[int, float] = {}
    ended = threading.Event()
    newest = time.monotonic()
    for head in heads([ws_url], ended):
        if head is not None:
            newest = time.monotonic()
            told[head.number] = 1000 * time.time()
        elif time.monotonic() - newest > _QUIET_SECONDS:
            raise EnvironmentFault("the chain has stopped", where=ws_url)
        if len(told) > HEADS:
            ended.set()
    del told[min(told)]  # it was there when the node was asked
    return told
