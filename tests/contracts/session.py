"""A market in which everybody does random things, legal ones and others."""

from __future__ import annotations

import random

from chain.call import Call
from chain.wallet import Wallet
from contracts.readings import Reading, sign_reading
from tests.contracts.chain import CHAIN_ID, ETHER
from tests.contracts.market import FAR_FUTURE, MAX_PRICE, MIN_PRICE, Market


class Session:
    """Some of what is sent is refused, and a refused transaction pays its gas."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market = market
        self._etsc = market.etsc
        self._draw = random.Random(seed)
        self._administrator = market.administrator
        self._meters = dict(market.meters)
        self._counted = {user.address: [0, 0] for user in market.users}

    def play(self, slots: int) -> None:
        for slot in range(1, slots + 1):
            sellers = self._draw.sample(self._market.edge_servers, self._draw.randint(1, 3))
            for seller in sellers:
                self._post_prices(slot, seller)
            for retailer in self._market.retailers:
                self._report(retailer, self._draw.randint(0, 20_000), 0)
                self._send(retailer, self._etsc.offer(self._draw.randint(1, 15_000)))
            for user in self._market.users:
                self._buy(user, self._draw.choice(sellers))
                self._report(user, 0, self._draw.randint(0, 9_000))
                self._redeem(user)
            self._send(self._draw.choice(self._market.retailers), self._etsc.retract())
            self._administer()
            self._send(self._draw.choice(self._market.edge_servers), self._etsc.withdraw())
            gift = Call(self._market.prosumer.address, b"", self._draw.randint(0, ETHER), 21_000)
            self._send(self._market.stranger, gift)
        self._hand_over()

    def _send(self, wallet: Wallet, *calls: Call) -> None:
        self._market.chain.send(wallet, *calls)

    def _post_prices(self, slot: int, seller: Wallet) -> None:
        price = self._draw.randint(MIN_PRICE - MIN_PRICE // 10, MAX_PRICE)
        if self._draw.random() < 0.5:
            favoured = self._draw.sample(self._market.users, 2)
            own = {user.address: self._draw.randint(MIN_PRICE, MAX_PRICE) for user in favoured}
            self._send(seller, self._etsc.open_discriminated_slot(slot, price, own))
        else:
            self._send(seller, self._etsc.open_slot(slot, price))
        self._send(seller, self._etsc.set_buy_back_price(self._draw.randint(0, MIN_PRICE)))

    def _buy(self, user: Wallet, seller: Wallet) -> None:
        price = self._market.price_for(seller, user)
        accepted = self._draw.randint(max(price - 1, 0), price + MIN_PRICE)
        buy = self._etsc.buy_token(seller.address, self._draw.randint(0, 8_000), accepted, price)
        retailer = self._draw.choice(self._market.retailers)
        self._send(user, buy, self._etsc.trade(retailer.address, self._draw.randint(1, 9_000)))

    def _redeem(self, user: Wallet) -> None:
        server = self._draw.choice(self._market.edge_servers)
        self._send(user, self._etsc.redeem(server.address, self._draw.randint(0, 3_000), 0))

    def _report(self, user: Wallet, generated: int, consumed: int) -> None:
        """By the meter itself, or signed by it and relayed by a stranger."""
        counted, meter = self._counted[user.address], self._meters[user.address]
        counted[0] += generated
        counted[1] += consumed
        if self._draw.random() < 0.5:
            reading = Reading(meter.address, user.address, counted[0], counted[1], FAR_FUTURE)
            signed = sign_reading(meter.private_key, reading, self._etsc.address, CHAIN_ID)
            self._send(self._market.stranger, self._etsc.relay_reading(signed))
        else:
            self._send(meter, self._etsc.generation(counted[0]), self._etsc.consumption(counted[1]))

    def _administer(self) -> None:
        user = self._draw.choice(self._market.users).address
        rights = self._draw.random() < 0.8, self._draw.random() < 0.8
        new_meter = self._market.chain.wallet()
        self._send(
            self._administrator,
            self._etsc.set_rights(user, *rights),
            self._etsc.rotate_meter(user, new_meter.address),
            self._etsc.pause(),
            self._etsc.unpause(),
        )
        self._meters[user] = new_meter

    def _hand_over(self) -> None:
        """The market ends paused, with a new administrator who has offered the administration on."""
        successor, next_one = self._market.chain.wallet(), self._market.chain.wallet()
        self._send(self._administrator, self._etsc.offer_administration(successor.address))
        self._send(
            successor,
            self._etsc.take_administration(),
            self._etsc.offer_administration(next_one.address),
            self._etsc.pause(),
        )
        self._administrator = successor
