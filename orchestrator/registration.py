"""ETSC on the chain: deployed by a transaction, participants registered, found again later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

from chain.call import Call
from chain.rpc import Rpc, RpcError, code_at, nonce_of
from contracts.etsc import EdgeServer, Etsc, Terms, contract_address, deployment, is_deployed_code
from errors import EnvironmentFault, TestbedError
from market.parameters import Parameters
from market.units import Q_to_mE_per_kWh
from orchestrator.config import Config
from orchestrator.participants import Participants, total_mE
from orchestrator.terms import terms_of

if TYPE_CHECKING:
    from genesis.keys import Key

# All of it is sent before the first block, whose base fee is the genesis block's.
_BASE_FEE_WEI = 10**10
_FIX = "`testbed destroy` and `testbed up` make a new chain with it."


class Registration:
    """The administrator's transactions, in a fixed order: how many are mined says how far it has come."""

    def __init__(self, config: Config, game: Parameters, participants: Participants) -> None:
        self._participants = participants
        self._total_mE = total_mE(config, game)
        self._Q_mE_per_kWh = Q_to_mE_per_kWh(game.Q)
        self._terms = terms_of(config, game)
        self.contract = contract_address(participants.administrator.address, 0)

    @cached_property
    def _calls(self) -> list[Call]:
        etsc = Etsc(self.contract)
        people = self._participants
        retailers = {key.name for key in people.retailers}
        create = deployment(
            people.administrator.address,
            self._total_mE,
            self._Q_mE_per_kWh,
            [edge_server.address for edge_server in people.edge_servers],
            self._terms,
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

    def verify(self, rpc: Rpc, *, first_start: bool) -> None:
        """Raises TestbedError where the chain does not run this ETSC, constructed as this testbed plans and
        with all participants in it. What the administrator may change, itself included, is compared at the
        first start only."""
        if not is_deployed_code(rpc.fetch(code_at(self.contract))):
            raise EnvironmentFault(
                "what stands at the contract's address is not this version's ETSC",
                where=self.contract,
                fix=_FIX,
            )
        etsc = Etsc(self.contract)
        people = self._participants
        try:
            found = rpc.fetch_all(
                [etsc.terms(), etsc.total_elecoins(), etsc.unit_power_price(), etsc.administrator()]
            )
            servers = rpc.fetch_all([etsc.edge_server(server.address) for server in people.edge_servers])
            records = rpc.fetch_all([etsc.user(user.address) for user in people.users])
        except RpcError as error:
            raise TestbedError(f"ETSC does not answer: {error.message}", where=self.contract) from error
        different = [
            *self._different(*found, first_start=first_start),
            *self._other_edge_servers(servers, terms=found[0], total_mE=found[1]),
        ]
        if different:
            raise EnvironmentFault(
                f"ETSC was constructed otherwise than this testbed plans: {'; '.join(different)}",
                where=self.contract,
                fix=_FIX,
            )
        for user, meter, record in zip(people.users, people.meters, records, strict=True):
            if not record.registered or (first_start and record.meter != meter.address):
                raise EnvironmentFault(
                    f"{user.name} is not registered as it should be", where=f"ETSC {self.contract}"
                )

    def _different(
        self, terms: Terms, total_mE: int, Q_mE_per_kWh: int, administrator: str, *, first_start: bool
    ) -> Iterator[str]:
        """Each quantity that is not as planned, with what was expected and what was found."""
        expected: dict[str, object] = {
            **asdict(self._terms),
            "total_elecoins": self._total_mE,
            "unit_power_price": self._Q_mE_per_kWh,
        }
        found = {**asdict(terms), "total_elecoins": total_mE, "unit_power_price": Q_mE_per_kWh}
        if first_start:
            expected["administrator"] = self._participants.administrator.address
            found["administrator"] = administrator
        for quantity, wanted in expected.items():
            if found[quantity] != wanted:
                yield f"{quantity} is {found[quantity]}, expected {wanted}"

    def _other_edge_servers(
        self, servers: Sequence[EdgeServer], *, terms: Terms, total_mE: int
    ) -> Iterator[str]:
        """Each planned edge server that is none, and elecoins that were allotted to somebody else."""
        for planned, server in zip(self._participants.edge_servers, servers, strict=True):
            if not server.registered:
                yield f"{planned.name} ({planned.address}) is no edge server"
        # What one has sold and not bought back shows in its reserve: the lowest price for each mE.
        allotted = sum(server.stock + server.reserve // terms.min_unit_price for server in servers)
        if allotted != total_mE:
            yield f"the edge servers were allotted {allotted} of {total_mE} mE"
