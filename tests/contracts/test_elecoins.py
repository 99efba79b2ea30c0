"""Buying elecoins, and paying out what an edge server earned."""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from chain.call import Call
from chain.rpc import balance_of
from contracts.etsc import Etsc, contract_address, deployment
from contracts.events import Purchased, Withdrawn
from contracts.reverts import EtscRevert
from tests.contracts.compiler import checked_in
from tests.contracts.geth import Chain
from tests.contracts.market import PRICE, Market


def test_a_purchase_moves_elecoins_and_credits_the_ether(market: Market) -> None:
    market.open()
    stock = market.server(market.edge_server).stock
    receipt = market.buy(market.prosumer, 6_653)
    assert market.user(market.prosumer).coins == 6_653
    server = market.server(market.edge_server)
    assert (server.stock, server.credit) == (stock - 6_653, 6_653 * PRICE)
    assert market.chain.rpc.fetch(balance_of(market.etsc.address)) == 6_653 * PRICE
    (event,) = market.events_in(receipt)
    assert isinstance(event, Purchased)
    assert (event.slot, event.buyer, event.edge_server) == (
        1,
        market.prosumer.address,
        market.edge_server.address,
    )
    assert (event.amount, event.price) == (6_653, PRICE)


def test_buying_nothing_is_recorded(market: Market) -> None:
    market.open()
    (event,) = market.events_in(market.buy(market.prosumer, 0), "Purchased")
    assert isinstance(event, Purchased)
    assert event.amount == 0


def test_a_price_raised_before_inclusion_buys_nothing(market: Market) -> None:
    market.open(PRICE)
    buy = market.etsc.buy_token(market.edge_server.address, 100, PRICE, PRICE)
    market.open(PRICE + 1)
    refusal = market.chain.refusal(market.prosumer, buy)
    assert (refusal.name, refusal.values) == ("PriceTooHigh", {"price": PRICE + 1, "maxPrice": PRICE})
    assert not market.chain.send(market.prosumer, buy)[0].ok
    assert market.user(market.prosumer).coins == 0


def test_a_limit_above_the_price_pays_the_price(market: Market) -> None:
    market.open(PRICE)
    market.chain.do(market.prosumer, market.etsc.buy_token(market.edge_server.address, 100, PRICE * 2, PRICE))
    assert market.server(market.edge_server).credit == 100 * PRICE


def test_the_ether_sent_is_exact(market: Market) -> None:
    market.open()
    exact = market.etsc.buy_token(market.edge_server.address, 100, PRICE, PRICE)
    for sent in (0, exact.value - 1, exact.value + 1):
        refusal = market.chain.refusal(market.prosumer, Call(exact.to, exact.data, sent, exact.gas))
        assert (refusal.name, refusal.values) == ("WrongPayment", {"sent": sent, "due": exact.value})


def test_no_edge_server_sells_more_than_its_stock(market: Market) -> None:
    market.open(1)
    stock = market.server(market.edge_server).stock
    for amount in (stock + 1, 2**48 + 1, 2**255):
        call = market.etsc.buy_token(market.edge_server.address, amount, 1, 0)
        refusal = market.chain.refusal(market.prosumer, call)
        assert refusal.name == "InsufficientStock"
        assert refusal.values == {
            "edgeServer": market.edge_server.address,
            "stock": stock,
            "amount": amount,
        }
    market.buy(market.prosumer, stock, 1)
    assert market.server(market.edge_server).stock == 0


def test_elecoins_come_from_an_edge_server_that_has_a_price(market: Market) -> None:
    market.open()
    nobody = market.etsc.buy_token(market.retailer.address, 1, PRICE, PRICE)
    refusal = market.chain.refusal(market.prosumer, nobody)
    assert (refusal.name, refusal.values) == ("NotEdgeServer", {"account": market.retailer.address})
    silent = market.edge_servers[1].address
    refusal = market.chain.refusal(market.prosumer, market.etsc.buy_token(silent, 1, PRICE, 0))
    assert (refusal.name, refusal.values) == ("NoPriceYet", {"edgeServer": silent})


def test_an_edge_server_withdraws_what_it_earned_and_no_more(market: Market) -> None:
    market.open()
    market.buy(market.prosumer, 1_000)
    market.chain.do(market.edge_servers[1], market.etsc.open_slot(2, PRICE))
    call = market.etsc.buy_token(market.edge_servers[1].address, 500, PRICE, PRICE)
    market.chain.do(market.prosumer, call)

    rpc = market.chain.rpc
    before = rpc.fetch(balance_of(market.edge_server.address))
    receipt = market.chain.do(market.edge_server, market.etsc.withdraw())[0]
    found = rpc.request("eth_getTransactionReceipt", receipt.hash)
    fee = receipt.gas_used * int(found["effectiveGasPrice"], 16)
    assert rpc.fetch(balance_of(market.edge_server.address)) == before - fee + 1_000 * PRICE
    assert market.server(market.edge_server).credit == 0
    assert market.server(market.edge_servers[1]).credit == 500 * PRICE
    assert rpc.fetch(balance_of(market.etsc.address)) == 500 * PRICE
    (event,) = market.events_in(receipt)
    assert isinstance(event, Withdrawn)
    assert (event.edge_server, event.amount) == (market.edge_server.address, 1_000 * PRICE)

    refusal = market.chain.refusal(market.edge_server, market.etsc.withdraw())
    assert (refusal.name, refusal.values) == (
        "NothingToWithdraw",
        {"edgeServer": market.edge_server.address},
    )


class ContractServer:
    """An edge server that is a contract, and a hostile one; a prosumer has bought 100 mE from it."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._owner = chain.wallet()
        self.artifact = checked_in("ReentrantEdgeServer")
        created = chain.do(self._owner, Call(None, self.artifact.bytecode, gas=1_000_000))[0]
        assert created.contract is not None
        self.address = to_checksum_address(created.contract)

        # Another edge server earns as much, so that there is something to steal.
        administrator, buyer, honest = chain.wallet(), chain.wallet(), chain.wallet()
        self.etsc = Etsc(contract_address(administrator.address, 0))
        chain.do(
            administrator,
            deployment(administrator.address, 10_000, 600, 5, [self.address, honest.address]),
            self.etsc.empower("buyer", buyer.address, False, True),
        )
        self.run(self.etsc.open_slot(1, PRICE))
        chain.do(honest, self.etsc.open_slot(2, PRICE))
        for seller in (self.address, honest.address):
            chain.do(buyer, self.etsc.buy_token(seller, 100, PRICE, PRICE))

    def through(self, call: Call) -> Call:
        assert call.to is not None
        return Call(self.address, self.artifact.encode_call("run", call.to, call.data), gas=500_000)

    def run(self, call: Call) -> None:
        self._chain.do(self._owner, self.through(call))

    def refusal(self, call: Call) -> EtscRevert:
        return self._chain.refusal(self._owner, self.through(call))

    def be(self, mood: str) -> None:
        self._chain.do(self._owner, Call(self.address, self.artifact.encode_call(mood)))

    def attempts(self) -> int:
        data = "0x" + self.artifact.encode_call("attempts").hex()
        answer = self._chain.rpc.request("eth_call", {"to": self.address, "data": data}, "latest")
        return int(answer, 16)


def test_an_edge_server_that_withdraws_while_it_is_paid_is_paid_once(chain: Chain) -> None:
    thief = ContractServer(chain)
    thief.run(thief.etsc.withdraw())
    assert thief.attempts() == 1
    assert chain.rpc.fetch(balance_of(thief.address)) == 100 * PRICE
    assert chain.rpc.fetch(balance_of(thief.etsc.address)) == 100 * PRICE
    assert chain.rpc.fetch(thief.etsc.edge_server(thief.address)).credit == 0


def test_a_payment_that_its_payee_refuses_leaves_the_credit(chain: Chain) -> None:
    payee = ContractServer(chain)
    payee.be("refuseEther")
    refusal = payee.refusal(payee.etsc.withdraw())
    assert refusal.name == "WithdrawalFailed"
    assert refusal.values == {"edgeServer": payee.address, "amount": 100 * PRICE}
    assert chain.rpc.fetch(payee.etsc.edge_server(payee.address)).credit == 100 * PRICE
