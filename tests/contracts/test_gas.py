"""What each call costs, from the receipts of a real Geth."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain.call import Call
from chain.wallet import Wallet
from contracts.etsc import deployment
from orchestrator.contract_script import script
from orchestrator.rehearsal import development_geth, rehearse
from tests.contracts.chain import Chain
from tests.contracts.market import MIN_PRICE, PRICE, TERMS, Market, open_market

# Gas, with three edge servers. A change of more than 1 % is a decision: then change the figure here.
MEASURED = {
    "deploy": 2_430_971,
    "empower": 75_716,
    "empower, 32 bytes of name": 75_980,
    "bindMeter": 77_685,
    "rotateMeter": 61_156,
    "setRights": 31_795,
    "generation": 36_404,
    "offer": 31_048,
    "openSlot": 36_297,
    "openSlot, joining": 31_405,
    "buyToken": 38_096,
    "trade": 37_605,
    "consumption": 36_545,
    "consumption, with a deficit": 36_592,
    "openDiscriminatedSlot": 62_193,
    "buyToken, discriminated": 40_605,
    "setBuyBackPrice": 32_791,
    "redeem": 46_783,
    "withdraw": 34_965,
    "retract": 30_647,
    "relayReading, one figure": 43_217,
    "relayReading, both figures": 45_686,
    "pause": 29_608,
    "unpause": 29_323,
    "offerAdministration": 54_173,
    "takeAdministration": 34_215,
}
# What the contract was commissioned with.
LIMITS = {
    "deploy": 2_500_000,
    "empower": 76_000,
    "empower, 32 bytes of name": 76_000,  # the most that a name can cost
    "trade": 39_000,
    "buyToken": 39_000,
    "buyToken, discriminated": 41_000,
    "generation": 37_000,
    "consumption": 37_000,
    "consumption, with a deficit": 37_000,
}


# Of a call's floor: its transaction, calldata, one slot for each record, logs. A relayed reading is beyond
# it, because the floor knows the signer's recovery but not the hashing of what was signed.
RATIO = 1.08
RELAYED_RATIO = 1.10


class GasMeter:
    """Sends one call after the other and keeps what each used, the dearest of a name, and its gas limit."""

    def __init__(self, market: Market) -> None:
        self._chain = market.chain
        self.used: dict[str, int] = {"deploy": market.deployed.gas_used}
        self.limits: dict[str, int] = {}

    def take(self, name: str, wallet: Wallet, call: Call) -> None:
        (receipt,) = self._chain.do(wallet, call)
        self.used[name] = max(receipt.gas_used, self.used.get(name, 0))
        self.limits[name] = call.gas


def measured(market: Market) -> GasMeter:
    """Everything that can be sent, twice where the first time may cost something else."""
    meter = GasMeter(market)
    _register(market, meter)
    for slot in (1, 2):
        _trade(market, meter, slot)
    _sell_elecoins(market, meter)
    _relay(market, meter)
    _administer(market, meter)
    return meter


def _register(market: Market, meter: GasMeter) -> None:
    etsc, newcomer = market.etsc, market.chain.wallet().address
    another = market.chain.wallet().address
    for name, call in (
        ("empower", etsc.empower("prosumer-3", newcomer, True, True)),
        ("empower, 32 bytes of name", etsc.empower("n" * 32, another, True, True)),
        ("bindMeter", etsc.bind_meter(newcomer, market.chain.wallet().address)),
        ("rotateMeter", etsc.rotate_meter(newcomer, market.chain.wallet().address)),
        ("setRights", etsc.set_rights(newcomer, False, True)),
    ):
        meter.take(name, market.administrator, call)


def _trade(market: Market, meter: GasMeter, slot: int) -> None:
    etsc, server, prosumer, retailer = market.etsc, market.edge_server, market.prosumer, market.retailer
    meter.take("generation", market.meter_of(retailer), etsc.generation(10_000 * slot))
    meter.take("offer", retailer, etsc.offer(5_000))
    meter.take("openSlot", server, etsc.open_slot(slot, PRICE))
    meter.take("openSlot, joining", market.edge_servers[1], etsc.open_slot(slot, PRICE))
    meter.take("buyToken", prosumer, etsc.buy_token(server.address, 5_000, PRICE, PRICE))
    meter.take("trade", prosumer, etsc.trade(retailer.address, 2_000))
    meter.take("consumption", market.meter_of(prosumer), etsc.consumption(1_000 * slot))
    without_power = market.meter_of(market.retailers[1])
    meter.take("consumption, with a deficit", without_power, etsc.consumption(10_000 * slot))


def _sell_elecoins(market: Market, meter: GasMeter) -> None:
    etsc, server, prosumer = market.etsc, market.edge_server, market.prosumer
    own = {prosumer.address: PRICE + 1}
    meter.take("openDiscriminatedSlot", server, etsc.open_discriminated_slot(3, PRICE, own))
    buy = etsc.buy_token(server.address, 5_000, PRICE + 1, PRICE + 1)
    meter.take("buyToken, discriminated", prosumer, buy)
    for _ in range(2):
        meter.take("setBuyBackPrice", server, etsc.set_buy_back_price(MIN_PRICE // 2))
        meter.take("redeem", prosumer, etsc.redeem(server.address, 1_000, 0))
    meter.take("withdraw", server, etsc.withdraw())
    meter.take("retract", market.retailer, etsc.retract())


def _relay(market: Market, meter: GasMeter) -> None:
    for name, generated, consumed in (("one figure", 30_000, 0), ("both figures", 40_000, 10)):
        signed = market.signed_reading(market.retailer, generated, consumed)
        meter.take(f"relayReading, {name}", market.stranger, market.etsc.relay_reading(signed))


def _administer(market: Market, meter: GasMeter) -> None:
    etsc, administrator, successor = market.etsc, market.administrator, market.chain.wallet()
    meter.take("pause", administrator, etsc.pause())
    meter.take("unpause", administrator, etsc.unpause())
    meter.take("offerAdministration", administrator, etsc.offer_administration(successor.address))
    meter.take("takeAdministration", successor, etsc.take_administration())


@pytest.fixture
def spent(fresh_chain: Chain) -> GasMeter:
    """On a chain of its own: the zero bytes of addresses and signatures are the same each time."""
    return measured(open_market(fresh_chain))


def test_calls_cost_what_was_measured_and_no_more_than_they_may(spent: GasMeter) -> None:
    assert spent.used == pytest.approx(MEASURED, rel=0.01)
    assert {name: gas for name, gas in spent.used.items() if gas > LIMITS.get(name, gas)} == {}


def test_no_call_costs_much_more_than_its_floor(geth: Path) -> None:
    with development_geth(geth) as rpc:
        played = rehearse(rpc, script).played
    ratios = {one.name: one.ratio for one in played if one.ratio is not None}
    assert {"empower", "trade, later", "buyToken, discriminated", "consumption, with a deficit"} <= set(
        ratios
    )
    relayed = {name for name in ratios if name.startswith("relayReading")}
    assert {name: ratio for name, ratio in ratios.items() if ratio > RATIO and name not in relayed} == {}
    assert all(1 < ratios[name] <= RELAYED_RATIO for name in relayed)


def test_gas_limits_are_about_twice_what_a_call_needs(spent: GasMeter) -> None:
    part = {name: spent.used[name] / limit for name, limit in spent.limits.items()}
    assert max(part.values()) < 0.52, part
    assert min(part.values()) > 0.2, part


def test_the_gas_limit_grows_with_the_own_prices(market: Market) -> None:
    prosumers = [market.chain.wallet().address for _ in range(40)]
    for slot, count in ((1, 0), (2, 1), (3, 40)):
        own = {prosumer: PRICE + index for index, prosumer in enumerate(prosumers[:count])}
        call = market.etsc.open_discriminated_slot(slot, PRICE, own)
        (receipt,) = market.chain.do(market.edge_server, call)
        assert receipt.gas_used < 0.52 * call.gas


def test_the_gas_limit_of_a_deployment_grows_with_the_edge_servers(chain: Chain) -> None:
    for count in (1, 20):
        servers = [chain.wallet().address for _ in range(count)]
        call = deployment(chain.wallet().address, 1_000_000, 600, servers, TERMS)
        (receipt,) = chain.do(chain.wallet(), call)
        assert 0.4 * call.gas < receipt.gas_used < 0.52 * call.gas
