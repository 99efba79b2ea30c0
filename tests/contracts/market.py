"""A small market on a test chain: one ETSC, three edge servers, two prosumers, two retailers, meters."""

from __future__ import annotations

from dataclasses import dataclass

from chain.wallet import Wallet
from contracts.artifact import ARTIFACT, Artifact
from contracts.etsc import EdgeServer, Etsc, Slot, Terms, User, deployment
from contracts.events import Event
from contracts.readings import Reading, SignedReading, sign_reading
from tests.contracts.chain import CHAIN_ID, Chain, Key, Receipt

TOTAL_ELECOINS = 1_000_000_001  # not divisible by three
UNIT_POWER_PRICE = 600  # Q = 0.6
# wei per mE; small, so that a test account can buy many
MIN_PRICE, PRICE, MAX_PRICE = 10 * 10**9, 27 * 10**9, 45 * 10**9
METER_LIMIT = 1_000_000  # Wh a block
DEADLINE_BLOCKS = 4
TERMS = Terms(DEADLINE_BLOCKS, MIN_PRICE, MAX_PRICE, METER_LIMIT)
FAR_FUTURE = 2**40  # seconds since 1970
NOBODY = "0x" + "00" * 20


@dataclass
class Market:
    """Everybody's wallet, and the contract. Prosumers buy, retailers generate and buy too."""

    chain: Chain
    etsc: Etsc
    deployed: Receipt
    administrator: Key
    edge_servers: list[Key]
    prosumers: list[Key]
    retailers: list[Key]
    meters: dict[str, Key]
    stranger: Key

    @property
    def edge_server(self) -> Key:
        return self.edge_servers[0]

    @property
    def prosumer(self) -> Key:
        return self.prosumers[0]

    @property
    def retailer(self) -> Key:
        return self.retailers[0]

    @property
    def users(self) -> list[Key]:
        return self.prosumers + self.retailers

    def meter_of(self, wallet: Wallet) -> Key:
        return self.meters[wallet.address]

    def user(self, wallet: Wallet) -> User:
        return self.chain.rpc.fetch(self.etsc.user(wallet.address))

    def server(self, wallet: Wallet) -> EdgeServer:
        return self.chain.rpc.fetch(self.etsc.edge_server(wallet.address))

    def slot(self) -> Slot:
        return self.chain.rpc.fetch(self.etsc.slot())

    def price_for(self, server: Wallet, prosumer: Wallet) -> int:
        return self.chain.rpc.fetch(self.etsc.price_for(server.address, prosumer.address))

    def events_in(self, receipt: Receipt, *names: str) -> list[Event]:
        """Those of the transaction alone: others may be in its block."""
        found = self.chain.rpc.fetch(self.etsc.events(receipt.block, receipt.block, *names))
        return [event for event in found if event.tx_hash == receipt.hash]

    def signed_reading(
        self,
        wallet: Wallet,
        generated: int,
        consumed: int,
        *,
        deadline: int = FAR_FUTURE,
        signer: Key | None = None,
        etsc: str | None = None,
        chain_id: int = CHAIN_ID,
    ) -> SignedReading:
        """By the wallet's own meter for this contract and chain, unless something else is said."""
        meter = self.meter_of(wallet)
        reading = Reading(meter.address, wallet.address, generated, consumed, deadline)
        key = (signer or meter).private_key
        return sign_reading(key, reading, etsc or self.etsc.address, chain_id)

    # The happy path, step by step.

    def open(self, price: int = PRICE) -> Receipt:
        return self.chain.do(self.edge_server, self.etsc.open_slot(self.slot().number + 1, price))[0]

    def buy(self, wallet: Wallet, amount: int, price: int = PRICE) -> Receipt:
        return self.chain.do(wallet, self.etsc.buy_token(self.edge_server.address, amount, price, price))[0]

    def redeem(self, wallet: Wallet, amount: int) -> Receipt:
        return self.chain.do(wallet, self.etsc.redeem(self.edge_server.address, amount, 0))[0]

    def generate(self, wallet: Wallet, cumulative: int) -> Receipt:
        return self.chain.do(self.meter_of(wallet), self.etsc.generation(cumulative))[0]

    def consume(self, wallet: Wallet, cumulative: int) -> Receipt:
        return self.chain.do(self.meter_of(wallet), self.etsc.consumption(cumulative))[0]

    def offer(self, wallet: Wallet, quantity: int) -> Receipt:
        return self.chain.do(wallet, self.etsc.offer(quantity))[0]

    def trade(self, wallet: Wallet, retailer: Wallet, quantity: int) -> Receipt:
        return self.chain.do(wallet, self.etsc.trade(retailer.address, quantity))[0]


def open_market(chain: Chain, artifact: Artifact = ARTIFACT, terms: Terms = TERMS) -> Market:
    """Deploys the contract and registers everybody; slot 0, nothing bought, nothing generated."""
    administrator = chain.wallet()
    edge_servers = [chain.wallet() for _ in range(3)]
    call = deployment(
        administrator.address,
        TOTAL_ELECOINS,
        UNIT_POWER_PRICE,
        [wallet.address for wallet in edge_servers],
        terms,
        artifact=artifact,
    )
    deployed = chain.do(administrator, call)[0]
    assert deployed.contract is not None
    etsc = Etsc(deployed.contract)
    prosumers, retailers = ([chain.wallet(), chain.wallet()] for _ in range(2))
    meters = {wallet.address: chain.wallet() for wallet in prosumers + retailers}
    chain.do(
        administrator,
        *(etsc.empower(f"prosumer-{i}", one.address, False, True) for i, one in enumerate(prosumers, 1)),
        *(etsc.empower(f"retailer-{i}", one.address, True, True) for i, one in enumerate(retailers, 1)),
        *(etsc.bind_meter(user, meter.address) for user, meter in meters.items()),
    )
    return Market(
        chain, etsc, deployed, administrator, edge_servers, prosumers, retailers, meters, chain.wallet()
    )
