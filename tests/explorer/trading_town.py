"""A small market on a node: participants with names, some of them hostile, who offer, buy and trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chain.call import Call
from chain.rpc import HttpRpc
from chain.wallet import Wallet
from contracts.artifact import ARTIFACT, Artifact
from contracts.etsc import Etsc, Terms, contract_address, deployment
from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_Wh, price_to_wei_per_mE
from tests.explorer.gethnode import RICH, GethNode

HOSTILE = "<script>alert(1)</script>"
Q_MILLI = Q_to_mE_per_kWh(0.6)
ADMINISTRATOR, EDGE_SERVER = RICH[0], RICH[1]
SALE_WEI_PER_mE = price_to_wei_per_mE(27.184921)
TERMS = Terms(
    slot_deadline_blocks=20,
    min_unit_price=price_to_wei_per_mE(10),
    max_unit_price=price_to_wei_per_mE(45),
    meter_limit=1_000_000,
)


@dataclass
class Town:
    node: GethNode
    etsc: Etsc
    prosumers: tuple[Wallet, ...]
    retailers: tuple[Wallet, ...]
    slot: int = 0

    @classmethod
    def found(
        cls,
        node: GethNode,
        prosumers: int = 3,
        retailers: int = 1,
        names: str = "prosumer-{}",
        artifact: Artifact = ARTIFACT,
    ) -> Town:
        """Deploys ETSC and registers everybody; the first prosumer is registered under a hostile name."""
        with HttpRpc(node.rpc_url) as rpc:
            nonce = int(rpc.request("eth_getTransactionCount", ADMINISTRATOR.address, "latest"), 16)
        etsc = Etsc(contract_address(ADMINISTRATOR.address, nonce))
        buyers, sellers = RICH[2 : 2 + prosumers], RICH[12 : 12 + retailers]
        servers = [EDGE_SERVER.address]
        calls = [deployment(ADMINISTRATOR.address, 10**9, Q_MILLI, servers, TERMS, artifact=artifact)]
        for index, each in enumerate(buyers):
            calls.append(
                etsc.empower(HOSTILE if index == 0 else names.format(index + 1), each.address, True, True)
            )
        calls += [
            etsc.empower(f"retailer-{at + 1}", each.address, True, True) for at, each in enumerate(sellers)
        ]
        calls += [etsc.bind_meter(each.address, meter_of(at).address) for at, each in enumerate(sellers)]
        node.send(ADMINISTRATOR, *calls)
        return cls(node, etsc, buyers, sellers)

    def play(self, demands: list[float], price_wei_per_mE: int = SALE_WEI_PER_mE) -> list[str]:
        """One slot in which each prosumer buys and trades for its demand in elecoins; the trades' hashes."""
        self.slot += 1
        for at, retailer in enumerate(self.retailers):
            self.node.send(meter_of(at), self.etsc.generation(self.slot * 1_000_000))
            self.node.send(retailer, self.etsc.offer(500_000))
        self.node.send(EDGE_SERVER, self.etsc.open_slot(self.slot, price_wei_per_mE))
        hashes = []
        for at, (prosumer, demand) in enumerate(zip(self.prosumers, demands, strict=True)):
            amount = elecoins_to_mE(demand)
            retailer = self.retailers[at % len(self.retailers)]
            bought = self.etsc.buy_token(EDGE_SERVER.address, amount, price_wei_per_mE, price_wei_per_mE)
            traded = self.etsc.trade(retailer.address, mE_to_Wh(amount, Q_MILLI))
            hashes.append(self.node.send(prosumer, bought, traded)[1])
        return hashes

    def fail(self) -> str:
        """A transaction that ETSC refuses: its hash."""
        call = self.etsc.trade(self.retailers[0].address, 10**12)
        return self.node.send(self.prosumers[0], Call(call.to, call.data, 0, 200_000))[0]

    def accounts(self) -> list[dict[str, Any]]:
        named = [
            ("administrator", "administrator", ADMINISTRATOR),
            ("edge-server-1", "edge-server", EDGE_SERVER),
        ]
        named += [(f"prosumer-{at}", "prosumer", each) for at, each in enumerate(self.prosumers, 1)]
        named += [(f"retailer-{at}", "retailer", each) for at, each in enumerate(self.retailers, 1)]
        named += [(f"meter-retailer-{at + 1}", "meter", meter_of(at)) for at in range(len(self.retailers))]
        return [{"address": each.address, "name": name, "role": role} for name, role, each in named]


def meter_of(at: int) -> Wallet:
    return RICH[18 + at]
