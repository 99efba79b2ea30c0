"""What the chain's events say of each slot: when it opened, who bought, who received electricity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chain.rpc import Read
from contracts.etsc import Etsc
from contracts.events import Event, PricePosted, Purchased, SlotOpened, Traded

_EVENTS = ("SlotOpened", "PricePosted", "Purchased", "Traded")


@dataclass
class SlotRecord:
    """One slot. Accounts are lower-case addresses; an absent one did not buy, or did not trade."""

    slot: int
    opened_at_block: int
    price_wei_per_mE: int
    bought_mE: dict[str, int] = field(default_factory=dict)
    traded_Wh: dict[str, int] = field(default_factory=dict)
    last_block: dict[str, int] = field(default_factory=dict)
    """Where each account's newest purchase or trade stands."""
    paid_wei_per_mE: dict[str, int] = field(default_factory=dict)
    """What each who bought paid: its own price where pricing is discriminated."""

    def finished(self, account: str) -> bool:
        """Has bought, zero included, and received electricity for it."""
        account = account.lower()
        bought = self.bought_mE.get(account)
        return bought is not None and (bought == 0 or account in self.traded_Wh)

    def price_for(self, account: str) -> int:
        """What it paid, and the slot's price where it bought nothing; wei per mE."""
        return self.paid_wei_per_mE.get(account.lower(), self.price_wei_per_mE)

    def finished_by(self, accounts: Iterable[str], block: int) -> bool:
        """Whether all of them finished no later than in this block."""
        return all(
            self.finished(account) and self.last_block[account.lower()] <= block for account in accounts
        )


Ledger = Mapping[int, SlotRecord]


def ledger_of(events: Iterable[Event]) -> Ledger:
    """Slot number to record, for slots whose opening is among the events (oldest event first)."""
    records: dict[int, SlotRecord] = {}
    sellers: dict[int, str] = {}
    for event in events:
        if isinstance(event, SlotOpened):
            records[event.slot] = SlotRecord(event.slot, event.block_number, event.price)
            sellers[event.slot] = event.seller
            continue
        if isinstance(event, PricePosted):
            # In a slot that somebody else opened for it after the deadline, the seller may still post.
            if sellers.get(event.slot) == event.edge_server:
                records[event.slot].price_wei_per_mE = event.price
            continue
        if not isinstance(event, (Purchased, Traded)) or event.slot not in records:
            continue
        record, buyer = records[event.slot], event.buyer.lower()
        record.last_block[buyer] = event.block_number
        if isinstance(event, Purchased):
            record.bought_mE[buyer] = record.bought_mE.get(buyer, 0) + event.amount
            record.paid_wei_per_mE[buyer] = event.price
        else:
            record.traded_Wh[buyer] = record.traded_Wh.get(buyer, 0) + event.quantity
    return records


def ended_at(ledger: Ledger, slot: int, last_slot: int, wait_blocks: int) -> int | None:
    """The block from which nobody acts in a slot any more: the next one's opening, or the end of patience
    with the campaign's last. None while the slot may go on or is not in the ledger."""
    if slot + 1 in ledger:
        return ledger[slot + 1].opened_at_block
    if slot == last_slot and slot in ledger:
        return ledger[slot].opened_at_block + wait_blocks
    return None


class LedgerWindow:
    """Asks for no more of the past than is still needed: from the opening of the oldest slot of interest."""

    def __init__(self, etsc: Etsc) -> None:
        self._etsc = etsc
        self._from_block = 0

    def read(self) -> Read[list[Event]]:
        return self._etsc.events(self._from_block, "latest", *_EVENTS)

    def narrow(self, ledger: Ledger, open_slot: int, oldest_slot: int, confirmations: int) -> None:
        """Forget what is older than a slot, with room for a reorganisation that reopens it earlier; start
        over where even the open slot's beginning was missed."""
        if open_slot > 0 and open_slot not in ledger:
            self._from_block = 0
        elif (first := ledger.get(min(open_slot, oldest_slot))) is not None:
            self._from_block = max(0, first.opened_at_block - confirmations)
