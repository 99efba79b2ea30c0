"""ETSC on the chain: deployed by a transaction, participants registered, found again later."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chain.call import Call
from chain.rpc import Rpc, RpcError, code_at, nonce_of
from contracts.etsc import Etsc, contract_address, deployment, is_deployed_code
from errors import EnvironmentFault, TestbedError
from market.parameters import Parameters
from market.units import Q_to_mE_per_kWh
from orchestrator.config import Config
from orchestrator.participants import Participants, total_mE

if TYPE_CHECKING:
    from genesis.keys import Key

# All of it is sent before the first block, whose base fee is the genesis block's.
_BASE_FEE_WEI = 10**10


class Registration:
    """The administrator's transactions, in a fixed order: how many are mined says how far it has come."""

    def __init__(self, config: Config, game: Parameters, participants: Participants) -> None:
        self._config = config
        self._game = game
        self._participants = participants
        self.contract = contract_address(participants.administrator.address, 0)

    @cached_property
    def _calls(self) -> list[Call]:
        etsc = Etsc(self.contract)
        people = self._participants
        edge_servers = [key.address for key in people.edge_servers]
        retailers = {key.name for key in people.retailers}
        create = deployment(
            people.administrator.address,
            total_mE(self._config, self._game),
            Q_to_mE_per_kWh(self._game.Q),
            self._config.campaign.slot_deadline_blocks,
            edge_servers,
        )
        empower = [
            etsc.empower(user.name, user.address, user.name in retailers, user.name not in retailers)
            for user in people.users
        ]
        bind = [
            etsc.bind_meter(user.address, meter.address)
            for user, meter in zip(people.users, people.meters, strict=True)
        ]
        return [create, *empower, *bind]

    def send(self, rpc: Rpc, urls: list[str], administrator: Key, chain_id: int) -> None:
        """Hand what is not mined yet to every node. Raises RpcError where a node refuses."""
        from chain.sender import Sender
        from chain.wallet import Fees, Wallet

        mined = rpc.fetch(nonce_of(self._participants.administrator.address))
        rest = self._calls[mined:]
        if not rest:
            return
        sender = Sender(Wallet(administrator.private_key), urls, chain_id)
        sender.send(sender.sign(rest, mined, Fees.above(_BASE_FEE_WEI)))
        sender.close()

    def is_done(self, rpc: Rpc) -> bool:
        """Whether all of it is mined."""
        return rpc.fetch(nonce_of(self._participants.administrator.address)) >= len(self._calls)

    def verify(self, rpc: Rpc) -> None:
        """Raises TestbedError where the chain does not run this ETSC with all participants in it."""
        if not is_deployed_code(rpc.fetch(code_at(self.contract))):
            raise EnvironmentFault(
                "what stands at the contract's address is not this version's ETSC",
                where=self.contract,
                fix="`testbed destroy` and `testbed up` make a new chain with it.",
            )
        etsc = Etsc(self.contract)
        people = self._participants
        try:
            records = rpc.fetch_all([etsc.user(user.address) for user in people.users])
        except RpcError as error:
            raise TestbedError(f"ETSC does not answer: {error.message}", where=self.contract) from error
        meters = [meter.address for meter in people.meters]
        for user, meter, record in zip(people.users, meters, records, strict=True):
            if not record.registered or record.meter != meter:
                raise EnvironmentFault(
                    f"{user.name} is not registered as it should be", where=f"ETSC {self.contract}"
                )
