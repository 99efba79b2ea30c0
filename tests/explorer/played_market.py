"""A market on a real chain in which two edge servers sell, with known figures in every slot: what
/market shows of it can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chain.rpc import HttpRpc, nonce_of
from chain.wallet import Wallet
from contracts.etsc import Etsc, Terms, contract_address, deployment
from market.units import price_to_wei_per_mE
from tests.explorer.gethnode import RICH, GethNode

ADMINISTRATOR, OUTSIDER = RICH[0], RICH[11]
SERVERS = RICH[1], RICH[13]
PROSUMERS = RICH[2:5]
RETAILERS = RICH[14:16]
METERS = RICH[18:21]  # of the retailers and of the first prosumer
Q_MILLI = 600
TOTAL_mE = 10**9
DEADLINE_BLOCKS = 1
BUY_BACK = 8.5


@dataclass(frozen=True)
class Buy:
    """mE bought at an edge server at a price in ether per elecoin, and Wh delivered by a retailer."""

    prosumer: int
    server: int
    price: float
    amount_mE: int
    retailer: int = 0
    energy_Wh: int = 0


@dataclass
class PlayedMarket:
    node: GethNode
    etsc: Etsc
    ends: dict[int, int] = field(default_factory=dict)
    """The last block of each slot's acts."""

    @classmethod
    def found(cls, node: GethNode) -> PlayedMarket:
        with HttpRpc(node.rpc_url) as rpc:
            etsc = Etsc(contract_address(ADMINISTRATOR.address, rpc.fetch(nonce_of(ADMINISTRATOR.address))))
        terms = Terms(DEADLINE_BLOCKS, price_to_wei_per_mE(10), price_to_wei_per_mE(45), 10**6)
        servers = [each.address for each in SERVERS]
        users = [("prosumer", each) for each in PROSUMERS] + [("retailer", each) for each in RETAILERS]
        node.send(
            ADMINISTRATOR,
            deployment(ADMINISTRATOR.address, TOTAL_mE, Q_MILLI, servers, terms),
            *(
                etsc.empower(f"{role} {at}", each.address, True, True)
                for at, (role, each) in enumerate(users)
            ),
            *(
                etsc.bind_meter(user.address, meter.address)
                for user, meter in zip((*RETAILERS, PROSUMERS[0]), METERS, strict=True)
            ),
        )
        for retailer, meter in zip(RETAILERS, METERS, strict=False):
            node.send(meter, etsc.generation(900_000))
            node.send(retailer, etsc.offer(600_000))
        node.send(SERVERS[0], etsc.set_buy_back_price(price_to_wei_per_mE(BUY_BACK)))
        return cls(node, etsc)

    def open(self, slot: int, signer: Wallet, price: float, own: Mapping[int, float] | None = None) -> None:
        """Opens or joins the slot, with own prices for some prosumers."""
        wei = price_to_wei_per_mE(price)
        if own is None:
            self.node.send(signer, self.etsc.open_slot(slot, wei))
        else:
            prices = {PROSUMERS[at].address: price_to_wei_per_mE(each) for at, each in own.items()}
            self.node.send(signer, self.etsc.open_discriminated_slot(slot, wei, prices))

    def play(self, slot: int, *buys: Buy) -> None:
        for buy in buys:
            wei = price_to_wei_per_mE(buy.price)
            calls = [self.etsc.buy_token(SERVERS[buy.server].address, buy.amount_mE, wei, wei)]
            if buy.energy_Wh:
                calls.append(self.etsc.trade(RETAILERS[buy.retailer].address, buy.energy_Wh))
            self.node.send(PROSUMERS[buy.prosumer], *calls)
        self.ends[slot] = self.node.height()


def play(node: GethNode) -> PlayedMarket:
    """Five slots: one price; two sellers, one with an own price; own prices; a slot that somebody else opened
    for the seller, with these in force; one price again."""
    market = PlayedMarket.found(node)
    etsc = market.etsc
    market.open(1, SERVERS[0], 27)
    market.play(1, *BUYS[1])
    market.open(2, SERVERS[1], 22)
    market.open(2, SERVERS[0], 30, {0: 25})
    market.play(2, *BUYS[2])
    market.open(3, SERVERS[0], 28, {0: 31, 1: 24})
    market.play(3, *BUYS[3])
    node.grow(DEADLINE_BLOCKS, RICH[20])
    market.open(4, OUTSIDER, 0)
    market.play(4, *BUYS[4])
    node.send(RETAILERS[0], etsc.redeem(SERVERS[0].address, 2_000, 0))
    node.send(METERS[2], etsc.consumption(3_000))
    market.ends[4] = node.height()
    market.open(5, SERVERS[0], 26)
    market.play(5, *BUYS[5])
    node.grow(4, RICH[20])
    return market


BUYS: dict[int, tuple[Buy, ...]] = {
    1: (Buy(0, 0, 27, 3_000, 0, 5_000), Buy(1, 0, 27, 4_500, 1, 7_500), Buy(2, 0, 27, 0)),
    2: (Buy(0, 0, 25, 2_000, 0, 3_333), Buy(1, 1, 22, 1_500, 0, 2_500), Buy(2, 0, 30, 6_000, 1, 10_000)),
    3: (Buy(0, 0, 31, 5_001, 0, 8_335), Buy(1, 0, 24, 6_000, 0, 10_000), Buy(2, 0, 28, 7_000, 1, 11_666)),
    4: (Buy(0, 0, 31, 0), Buy(1, 0, 24, 2_000, 1, 3_333)),
    5: (Buy(0, 0, 26, 1_000, 1, 1_666),),
}


def accounts() -> list[dict[str, Any]]:
    named = [("administrator", "administrator", ADMINISTRATOR)]
    for name, role, people in (
        ("edge-server", "edge server", SERVERS),
        ("prosumer", "prosumer", PROSUMERS),
        ("retailer", "retailer", RETAILERS),
        ("meter", "smart meter", METERS),
    ):
        named += [(f"{name}-{at}", role, each) for at, each in enumerate(people, 1)]
    return [{"name": name, "role": role, "address": each.address} for name, role, each in named]
