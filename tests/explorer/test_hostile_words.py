"""Whatever a contract, a configuration, a report or a visitor says is text in a browser, and nothing runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog

from chain.call import Call
from tests.browsing import Visit
from tests.chain.liar import http, lying
from tests.explorer.gethnode import RICH, GethNode, genesis, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_campaigns import keep, report
from tests.explorer.test_transaction_page import deploy_echo
from tests.explorer.trading_town import HOSTILE, Town

pytestmark = pytest.mark.xdist_group("browser")

_IMAGE = "<img src=x onerror=alert({})>"  # as many bytes as a name in ETSC has, with a number
_LONG = '"><script>alert(1)</script><svg onload=alert(2)><a href="javascript:alert(3)">\u202e'
_MARKS = ("alert", "onerror", "onload", "javascript:")


@dataclass
class HostilePlace:
    explorer: Explorer
    town: Town
    paths: tuple[str, ...]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostilePlace]:
    directory = tmp_path_factory.mktemp("hostile")
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": _LONG}}
    with (
        tempfile.TemporaryDirectory(prefix="hst-") as home,
        lying(http(_LONG.encode(), "500 " + _IMAGE.format(5))) as failing,
        lying(http(json.dumps(refusal).encode())) as refusing,
    ):
        node = GethNode.create(Path(home) / "node", genesis())
        # What a node calls itself, and what it writes into the blocks that it seals.
        node.options = ("--identity", _LONG, "--miner.extradata", _IMAGE.format(4))
        node.start()
        explorer = None
        try:
            town = Town.found(node, names=_IMAGE)
            trades = town.play([1.0, 2.0, 3.0])
            words = _LONG.encode().ljust(128, b" ")
            told = Call(town.etsc.address, town.etsc.trade(RICH[5].address, 1).data + words, 0, 200_000)
            said = bytes.fromhex("08c379a0") + (32).to_bytes(32) + len(words).to_bytes(32) + words
            failed = [*node.send(RICH[5], told), *node.send(RICH[5], Call(deploy_echo(node, RICH[6]), said))]
            settings = configuration(directory, node, contract=town.etsc.address)
            settings["nodes"] += [{"rpc_url": liar.url} for liar in (failing, refusing)]
            for at, named in enumerate(settings["nodes"]):
                named.update(name=f"{_LONG} {at}", device=_LONG)
            settings["name"] = _LONG
            # Those of ETSC keep the names that they registered under.
            settings["accounts"] = [{"address": RICH[5].address, "name": _LONG, "role": _LONG}]
            settings["campaigns"] = str(directory / "campaigns")
            keep(directory / "campaigns", report(town, 1, policy=_LONG, created=_LONG))
            explorer = Explorer(directory, settings)
            explorer.start()
            explorer.wait_for(node)
            people = [each.address for each in (*town.prosumers, *town.retailers, RICH[5])]
            yield HostilePlace(
                explorer,
                town,
                (
                    *("/", "/blocks", f"/block/{node.height()}", "/txs", "/accounts", "/pending", "/forks"),
                    *("/nodes", "/market", "/campaigns", "/etsc", "/etsc/source", "/audit", "/export"),
                    "/docs",
                    *(f"/tx/{tx_hash}" for tx_hash in (trades[0], *failed)),
                    *(f"/address/{account}" for account in people),
                    *(f"/{page}/{quote(_LONG, safe='')}" for page in ("tx", "block", "address")),
                    *(f"/search?q={quote(words)}" for words in (_LONG, HOSTILE, "<img src")),
                    f"/etsc?quantity={quote(_LONG)}",
                    f"/audit?block={quote(_LONG)}",
                ),
            )
        finally:
            if explorer is not None:
                explorer.kill()
            node.stop()


def test_nothing_runs_on_any_page_nor_when_it_is_made_anew(browser: Browser, place: HostilePlace) -> None:
    visit = Visit(browser, f"http://127.0.0.1:{place.explorer.config['port']}")
    ran: list[str] = []
    shown: set[str] = set()

    def heard(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    visit.page.on("dialog", heard)

    def look(path: str) -> None:
        scripts = visit.page.evaluate("[...document.scripts].map(each => each.getAttribute('src'))")
        assert [(src or "inline").partition("?")[0] for src in scripts] == ["/static/live.js"], path
        handlers = visit.page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(each => [...each.attributes])"
            ".filter(each => each.name.startsWith('on') || /^ *javascript:/i.test(each.value)).length"
        )
        assert handlers == 0, path
        shown.update(mark for mark in _MARKS if mark in visit.page.inner_text("body"))

    for path in place.paths:
        visit.page.goto(path, wait_until="load")
        look(path)
    # Once more as live.js puts it in place, from HTML that it fetched.
    for path in ("/", "/txs"):
        visit.page.goto(path, wait_until="load")
        before = visit.page.inner_text("body")
        place.town.play([0.5, 0.5, 0.5])
        wait_until(lambda before=before: visit.page.inner_text("body") != before, "the news")  # type: ignore[misc]
        look(path)
    visit.close()
    assert ran == []
    assert [text for text in visit.said if "Content Security Policy" in text] == []
    assert shown == set(_MARKS)  # the words were there to be read
