"""Whoever is paid runs code of its own: it gets what it is due, once, or nothing is changed."""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from chain.call import Call
from chain.rpc import balance_of
from contracts.etsc import Etsc, contract_address, deployment
from contracts.reverts import EtscRevert
from tests.contracts.chain import Chain
from tests.contracts.compiler import checked_in
from tests.contracts.market import MIN_PRICE, PRICE, TERMS


class Thief:
    """A contract that sends what it is told to, and sends it again while it is paid."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._owner = chain.wallet()
        self._artifact = checked_in("ReentrantAccount")
        created = chain.do(self._owner, Call(None, self._artifact.bytecode, gas=1_000_000))[0]
        assert created.contract is not None
        self.address = to_checksum_address(created.contract)

    def run(self, call: Call) -> None:
        self._chain.do(self._owner, self._through(call))

    def refusal(self, call: Call) -> EtscRevert:
        return self._chain.refusal(self._owner, self._through(call))

    def refuse_ether(self) -> None:
        self._chain.do(self._owner, Call(self.address, self._artifact.encode_call("refuseEther")))

    def attempts(self) -> int:
        data = "0x" + self._artifact.encode_call("attempts").hex()
        answer = self._chain.rpc.request("eth_call", {"to": self.address, "data": data}, "latest")
        return int(answer, 16)

    def _through(self, call: Call) -> Call:
        assert call.to is not None
        data = self._artifact.encode_call("run", call.to, call.data)
        return Call(self.address, data, call.value, gas=500_000)


class Prey:
    """A market that the thief takes part in, with the ether of others at stake."""

    def __init__(self, chain: Chain, thief: Thief, *, as_edge_server: bool) -> None:
        administrator, buyer, honest = chain.wallet(), chain.wallet(), chain.wallet()
        self.etsc = Etsc(contract_address(administrator.address, 0))
        servers = [honest.address, *([thief.address] if as_edge_server else [])]
        users = [buyer.address, *([] if as_edge_server else [thief.address])]
        chain.do(
            administrator,
            deployment(administrator.address, 10_000, 600, servers, TERMS),
            *(self.etsc.empower("user", user, False, True) for user in users),
        )
        chain.do(honest, self.etsc.open_slot(1, PRICE), self.etsc.set_buy_back_price(MIN_PRICE))
        if as_edge_server:
            thief.run(self.etsc.open_slot(1, PRICE))
        for server in servers:
            chain.do(buyer, self.etsc.buy_token(server, 100, PRICE, PRICE))
        self.honest = honest.address


def test_an_edge_server_that_withdraws_while_it_is_paid_is_paid_once(chain: Chain) -> None:
    thief = Thief(chain)
    etsc = Prey(chain, thief, as_edge_server=True).etsc
    before = chain.rpc.fetch(balance_of(etsc.address))
    thief.run(etsc.withdraw())
    assert thief.attempts() == 1
    earned = 100 * (PRICE - MIN_PRICE)
    assert chain.rpc.fetch(balance_of(thief.address)) == earned
    assert chain.rpc.fetch(balance_of(etsc.address)) == before - earned > earned
    assert chain.rpc.fetch(etsc.edge_server(thief.address)).credit == 0


def test_a_user_that_redeems_while_it_is_paid_is_paid_for_what_it_had(chain: Chain) -> None:
    thief = Thief(chain)
    prey = Prey(chain, thief, as_edge_server=False)
    etsc = prey.etsc
    thief.run(etsc.buy_token(prey.honest, 50, PRICE, PRICE))
    before = chain.rpc.fetch(balance_of(etsc.address))
    # Twenty at a time: again while it is paid, and refused when ten are left.
    thief.run(etsc.redeem(prey.honest, 20, 0))
    assert thief.attempts() == 1
    assert chain.rpc.fetch(balance_of(thief.address)) == 40 * MIN_PRICE
    assert chain.rpc.fetch(balance_of(etsc.address)) == before - 40 * MIN_PRICE
    assert chain.rpc.fetch(etsc.user(thief.address)).coins == 10
    assert chain.rpc.fetch(etsc.edge_server(prey.honest)).reserve == 110 * MIN_PRICE


def test_a_payment_that_its_payee_refuses_leaves_the_credit(chain: Chain) -> None:
    payee = Thief(chain)
    etsc = Prey(chain, payee, as_edge_server=True).etsc
    payee.refuse_ether()
    refusal = payee.refusal(etsc.withdraw())
    earned = 100 * (PRICE - MIN_PRICE)
    assert (refusal.name, refusal.values) == (
        "PaymentFailed",
        {"account": payee.address, "amount": earned},
    )
    assert chain.rpc.fetch(etsc.edge_server(payee.address)).credit == earned


def test_a_redemption_that_its_payee_refuses_leaves_the_elecoins(chain: Chain) -> None:
    payee = Thief(chain)
    prey = Prey(chain, payee, as_edge_server=False)
    payee.run(prey.etsc.buy_token(prey.honest, 50, PRICE, PRICE))
    payee.refuse_ether()
    refusal = payee.refusal(prey.etsc.redeem(prey.honest, 50, 0))
    assert (refusal.name, refusal.values) == (
        "PaymentFailed",
        {"account": payee.address, "amount": 50 * MIN_PRICE},
    )
    assert chain.rpc.fetch(prey.etsc.user(payee.address)).coins == 50
