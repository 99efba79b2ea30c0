"""What a quiet market does not show, in a browser: failures, orphans, what waits, what links are told of.

With TESTBED_SCREENSHOTS=DIR the pictures are left in DIR, as those of tests/e2e/test_browser.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_abi.abi import encode
from playwright.sync_api import Browser

from chain.call import Call
from tests.browsing import DESK, PHONE, SCHEMES, Visit
from tests.explorer.gethnode import RICH, GethNode, genesis, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words
from tests.explorer.test_transaction_page import deploy_echo
from tests.explorer.trading_town import Town

pytestmark = pytest.mark.xdist_group("browser")

# What each page must show, so that nothing else was looked at by mistake.
PAGES = {
    "failed": "failed Error the meter belongs to nobody",
    "orphan": "was replaced by a reorganisation",
    "forks-seen": "2 orphans, 1 reorganisation",
    "pending-some": "2 pending, 1 queued",
    "links-told": "not connected",
    "source": "contract ETSC",
}


@dataclass(frozen=True)
class Seldom:
    explorer: Explorer
    paths: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.explorer.config['port']}"


@pytest.fixture(scope="module")
def seldom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seldom]:
    directory = tmp_path_factory.mktemp("seldom")
    with tempfile.TemporaryDirectory(prefix="sld-") as home:
        block = genesis()
        nodes = [GethNode.create(Path(home) / name, block) for name in ("one", "other")]
        explorer = None
        try:
            for node in nodes:
                node.start()
            node = nodes[0]
            nodes[1].ask("miner_stop")
            town = Town.found(node)
            town.play([1.0, 2.0, 3.0])
            reason = bytes.fromhex("08c379a0") + encode(["string"], ["the meter belongs to nobody"])
            (failed,) = node.send(RICH[5], Call(deploy_echo(node, RICH[5]), reason))
            changes = {"contract": town.etsc.address, "accounts": town.accounts()}
            explorer = Explorer(directory, configuration(directory, *nodes, **changes))
            names = [each["name"] for each in explorer.config["nodes"]]
            links = [{"between": names, "latency_ms": 12.5, "cut": True}]
            explorer.write_config(links=links)
            explorer.start()
            _leave_two_blocks_behind(node, explorer)
            orphan = explorer.rows("SELECT hash FROM blocks WHERE NOT canonical")[0]["hash"].hex()
            _let_some_wait(node)
            yield Seldom(
                explorer,
                {
                    "failed": f"/tx/{failed}",
                    "orphan": f"/block/0x{orphan}",
                    "forks-seen": "/forks",
                    "pending-some": "/pending",
                    "links-told": "/nodes",
                    "source": "/etsc/source",
                },
            )
        finally:
            if explorer is not None:
                explorer.kill()
            for node in nodes:
                node.stop()


def _leave_two_blocks_behind(node: GethNode, explorer: Explorer) -> None:
    node.grow(2, RICH[20])
    explorer.wait_for(node)
    node.rewind(node.height() - 2)
    node.grow(4, RICH[20], value=2)
    explorer.wait_for(node)


def _let_some_wait(node: GethNode) -> None:
    node.ask("miner_stop")
    node.hand_over(RICH[7], *((ahead, Call(RICH[8].address, b"", 10**18)) for ahead in (0, 1, 5)))


@pytest.mark.parametrize("name", PAGES)
def test_what_is_seldom_seen_is_readable_for_everybody(
    browser: Browser, seldom: Seldom, pictures: Path, name: str
) -> None:
    path = seldom.paths[name]
    wait_until(lambda: PAGES[name] in words(seldom.explorer.get(path).text), f"the page of {name}")
    with closing(Visit(browser, seldom.url, viewport=DESK)) as visit:
        visit.page.goto(path, wait_until="load")
        for scheme in SCHEMES:
            visit.page.emulate_media(color_scheme=scheme)
            assert visit.faults() == [], scheme
            visit.take_picture(pictures / f"{name}-{scheme}.png")
        assert visit.complaints == []
    with closing(Visit(browser, seldom.url, **PHONE)) as phone:
        phone.page.goto(path, wait_until="load")
        assert phone.too_wide() <= 0
