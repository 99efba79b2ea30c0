"""Contracts that a sound audit must catch: ETSC with one fault each, written as an edit of its sources."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`fault` in words, and the text of `file` that is replaced to make it; it must be there once."""

    fault: str
    file: str
    found: str
    replacement: str

    def edited(self, file: str, text: str) -> str:
        """The text of a source file with the fault in it, where it belongs there."""
        if file != self.file:
            return text
        if text.count(self.found) != 1:
            raise ValueError(
                f"{file} has {text.count(self.found)} of what the mutant replaces: {self.found!r}"
            )
        return text.replace(self.found, self.replacement)


MUTANTS = {
    "SelfTradeMint": Mutant(
        "a trade works on copies of both accounts, and the copies may be of one account: the last that is "
        "written wins, and the cost is minted",
        "Electricity.sol",
        "        if (retailer == prosumer) revert SelfTrade(prosumer);\n",
        "",
    ),
    "SilentTrade": Mutant(
        "a trade of a whole number of kWh leaves no event",
        "Electricity.sol",
        "        emit Traded(market.slotNumber(), msg.sender, retailer, quantity, cost);\n",
        "        if (quantity % WH_PER_KWH != 0) {\n"
        "            emit Traded(market.slotNumber(), msg.sender, retailer, quantity, cost);\n"
        "        }\n",
    ),
    "WrongTerms": Mutant(
        "the deployment announces a higher unit price of electricity than trades are made at",
        "ETSC.sol",
        "            unitPowerPrice_,\n            terms_.slotDeadlineBlocks,\n",
        "            unitPowerPrice_ + 1,\n            terms_.slotDeadlineBlocks,\n",
    ),
    "OverpaidRedemption": Mutant(
        "a redemption pays the lowest unit price, whatever the edge server's buy-back price is",
        "Elecoins.sol",
        "        _pay(amount * buyBack.price);\n",
        "        _pay(amount * _minUnitPrice);\n",
    ),
}
