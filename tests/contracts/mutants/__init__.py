"""Contracts that a sound audit must catch: ETSC with one fault each, written as edits of its source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "contracts" / "src" / "ETSC.sol"


@dataclass(frozen=True)
class Mutant:
    """`fault` in words, and the (found, replaced by) pairs that make it; each must be found once."""

    fault: str
    edits: tuple[tuple[str, str], ...]

    def source(self) -> str:
        text = SOURCE.read_text()
        for found, replacement in self.edits:
            if text.count(found) != 1:
                raise ValueError(f"ETSC.sol has {text.count(found)} of what the mutant replaces: {found!r}")
            text = text.replace(found, replacement)
        return text


MUTANTS = {
    "SelfTradeMint": Mutant(
        "a trade works on copies of both accounts, and the copies may be of one account: the last that is "
        "written wins, and the cost is minted",
        (
            ("        if (retailer == prosumer) revert SelfTrade(prosumer);\n", ""),
            (
                "        buyer.power += energy;\n"
                "        buyer.coins -= coins;\n"
                "        seller.power -= energy;\n"
                "        seller.offered -= energy;\n"
                "        seller.coins += coins;\n",
                "        Account memory buyerAfter = buyer;\n"
                "        Account memory sellerAfter = seller;\n"
                "        buyerAfter.power += energy;\n"
                "        buyerAfter.coins -= coins;\n"
                "        sellerAfter.power -= energy;\n"
                "        sellerAfter.offered -= energy;\n"
                "        sellerAfter.coins += coins;\n"
                "        _accounts[msg.sender] = buyerAfter;\n"
                "        _accounts[retailer] = sellerAfter;\n",
            ),
        ),
    ),
    "SilentTrade": Mutant(
        "a trade of a whole number of kWh leaves no event",
        (
            (
                "        emit Traded(_slot.number, msg.sender, retailer, quantity, cost);\n",
                "        if (quantity % WH_PER_KWH != 0) {\n"
                "            emit Traded(_slot.number, msg.sender, retailer, quantity, cost);\n"
                "        }\n",
            ),
        ),
    ),
}
