"""The campaigns that the played market was: the parameters of its slots, which the chain does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from market.parameters import Parameters
from market.units import price_to_wei_per_mE
from tests.explorer.campaign_files import Played, Roster, report_of, write
from tests.explorer.gethnode import RICH, SEALER, GethNode, genesis
from tests.explorer.played_market import BUYS, PROSUMERS, RETAILERS, SERVERS, PlayedMarket, play

UNIFIED = Parameters(w=(0.12, 0.1, 0.09), alpha=(1.0, 2.0))
DISCRIMINATED = Parameters(w=(0.2, 0.165, 0.13), alpha=(1.0, 2.0), pricing="discriminated")
LOADS = ((1.2, 0.8), (0.9, 1.1), (1.0, 1.0))
OTHER_SEALER = RICH[16]
ROSTER = Roster(
    [each.address for each in PROSUMERS],
    [each.address for each in SERVERS],
    [SEALER.address, OTHER_SEALER.address],
    [each.address for each in RETAILERS],
)


@contextmanager
def playing() -> Iterator[PlayedMarket]:
    """The market on a node of its own."""
    with TemporaryDirectory(prefix="mkt-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            yield play(node)
        finally:
            node.stop()


def write_campaigns(market: PlayedMarket, directory: Path) -> Path:
    """Two campaigns, of slots 1 and 2 and of slots 3 and 4; slot 5 is nobody's."""
    folder = directory / "campaigns"
    write(folder, campaign(market, UNIFIED, (1, 2), id="0001"))
    write(folder, campaign(market, DISCRIMINATED, (3, 4), id="0002", loads=LOADS))
    return folder


def campaign(market: PlayedMarket, game: Parameters, slots: Sequence[int], **change: Any) -> dict[str, Any]:
    genesis_hash = market.node.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    played = []
    for slot in slots:
        of = {buy.prosumer: buy for buy in BUYS[slot]}
        paid = [price_to_wei_per_mE(of[at].price) if at in of else 28 * 10**15 for at in range(3)]
        x_mE = [of[at].amount_mE if at in of else None for at in range(3)]
        played.append(Played(paid, x_mE, [of[at].energy_Wh if at in of else 0 for at in range(3)]))
    return report_of(game, ROSTER, genesis_hash, market.etsc.address, played, first_slot=slots[0], **change)


def floats(cells: Sequence[str]) -> list[float | None]:
    """Numbers of a table, None for a dash."""
    return [None if cell == "–" else float(cell.replace(",", "")) for cell in cells]
