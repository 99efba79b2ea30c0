"""The conservation audit: elecoins, electricity and ether worked out anew and compared with the chain.

The expected side comes from events, transactions and receipts alone; the actual side from eth_call and
eth_getBalance at one block. A contract that moves something without saying so, or says so without moving
it, shows as a check that fails, account by account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from eth_utils.address import to_checksum_address

from chain.rpc import Read, Rpc, balance_of
from contracts.etsc import EdgeServer, Etsc, User
from contracts.ledger import Ledger, read_ledger
from contracts.replay import Books, replay

Kind = Literal["elecoins", "electricity", "ether"]
_USER_QUANTITIES: dict[str, Kind] = {
    "coins": "elecoins",
    "power": "electricity",
    "generated": "electricity",
    "consumed": "electricity",
    "deficit": "electricity",
    "offered": "electricity",
}
_EDGE_SERVER_QUANTITIES: dict[str, Kind] = {"stock": "elecoins", "credit": "ether", "price": "ether"}
_READS_A_BATCH = 200
_ALL = "all"


@dataclass(frozen=True)
class Check:
    """One comparison. account is "all" for a sum; elecoins in mE, electricity in Wh, ether in wei."""

    kind: Kind
    account: str
    quantity: str
    expected: int
    actual: int

    @property
    def ok(self) -> bool:
        return self.expected == self.actual


@dataclass(frozen=True)
class Audit:
    """What was compared at which block, and the totals that it came from (wei, mE, Wh)."""

    block: int
    block_hash: str
    checks: tuple[Check, ...]
    totals: Mapping[str, int]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.ok)

    def to_json(self) -> dict[str, Any]:
        """Amounts of wei are beyond what a JSON reader's floats can hold, so all amounts are text."""
        return {
            "ok": self.ok,
            "block": self.block,
            "block_hash": self.block_hash,
            "checked": len(self.checks),
            "failed": len(self.failures),
            "totals": {name: str(value) for name, value in self.totals.items()},
            "checks": [
                {
                    **asdict(check),
                    "expected": str(check.expected),
                    "actual": str(check.actual),
                    "ok": check.ok,
                }
                for check in self.checks
            ],
        }


def audit(
    rpc: Rpc,
    etsc_address: str,
    block: int,
    genesis_alloc: Mapping[str, int],
    sealers: Sequence[str],
    *,
    block_reward_wei: int = 0,
) -> Audit:
    """Audits the ETSC at `etsc_address` and all ether at `block`; genesis_alloc is address -> wei.

    Everything is counted from the genesis block. Raises TestbedError where the chain is shorter, was
    reorganised meanwhile, or has no ETSC there.
    """
    etsc = Etsc(etsc_address)
    ledger = read_ledger(rpc, etsc.address, block, genesis_alloc, block_reward_wei)
    books = replay(ledger.events)
    # Whoever took part in anything: an account that no event names must hold nothing.
    accounts = sorted(
        {*ledger.balances, *books.users, *books.edge_servers, *map(to_checksum_address, sealers)}
    )
    state = _State(rpc, etsc, accounts, ledger.block_hash)
    checks = (
        *_elecoin_and_electricity_checks(books, state),
        *_ether_checks(books, ledger, state, etsc.address, sealers),
    )
    return Audit(block, ledger.block_hash, checks, _totals(books, ledger))


class _State:
    """What the chain says of the accounts at one block, asked by its hash."""

    def __init__(self, rpc: Rpc, etsc: Etsc, accounts: Sequence[str], block_hash: str) -> None:
        def ask(reads: Iterable[Read[Any]]) -> dict[str, Any]:
            waiting = list(reads)
            answers = [
                answer
                for start in range(0, len(waiting), _READS_A_BATCH)
                for answer in rpc.fetch_all(
                    waiting[start : start + _READS_A_BATCH], {"blockHash": block_hash}
                )
            ]
            return dict(zip(accounts, answers, strict=True))

        self.accounts = accounts
        self.users: dict[str, User] = ask(map(etsc.user, accounts))
        self.edge_servers: dict[str, EdgeServer] = ask(map(etsc.edge_server, accounts))
        self.balances: dict[str, int] = ask(map(balance_of, accounts))
        self.total_elecoins = rpc.fetch(etsc.total_elecoins(), {"blockHash": block_hash})


def _elecoin_and_electricity_checks(books: Books, state: _State) -> Iterable[Check]:
    for account in state.accounts:
        yield from _compare(_USER_QUANTITIES, account, books.users.get(account), state.users[account])
        yield from _compare(
            _EDGE_SERVER_QUANTITIES, account, books.edge_servers.get(account), state.edge_servers[account]
        )
    users, edge_servers = state.users.values(), state.edge_servers.values()
    in_circulation = sum(user.coins for user in users) + sum(server.stock for server in edge_servers)
    yield Check("elecoins", _ALL, "total", books.total_elecoins, state.total_elecoins)
    yield Check("elecoins", _ALL, "coins + stock", state.total_elecoins, in_circulation)
    yield Check(
        "electricity",
        _ALL,
        "power",
        sum(user.generated - user.consumed + user.deficit for user in users),
        sum(user.power for user in users),
    )


def _compare(quantities: Mapping[str, Kind], account: str, book: object, record: object) -> Iterable[Check]:
    """Each quantity of an account; a quantity that is zero on both sides is no news and left out."""
    for quantity, kind in quantities.items():
        expected: int = getattr(book, quantity, 0)
        actual: int = getattr(record, quantity)
        if book is not None or actual:
            yield Check(kind, account, quantity, expected, actual)


def _ether_checks(
    books: Books, ledger: Ledger, state: _State, etsc: str, sealers: Sequence[str]
) -> Iterable[Check]:
    for account in state.accounts:
        yield Check("ether", account, "balance", ledger.balances[account], state.balances[account])
    held = state.balances.get(etsc, 0)
    credits = sum(server.credit for server in state.edge_servers.values())
    yield Check("ether", etsc, "purchases - withdrawals", books.purchased_wei - books.withdrawn_wei, held)
    yield Check("ether", etsc, "credits", credits, held)
    # A sealing key has no role: it owns what it was given at the start and what sealing earned, no more.
    own = {to_checksum_address(account) for account in sealers}
    yield Check(
        "ether",
        _ALL,
        "tips + rewards of the sealers",
        sum(ledger.allocated.get(account, 0) for account in own) + ledger.tips_wei + ledger.rewards_wei,
        sum(state.balances[account] for account in own),
    )
    yield Check(
        "ether",
        _ALL,
        "allocated - burnt + rewards",
        sum(ledger.allocated.values()) - ledger.burnt_wei + ledger.rewards_wei,
        sum(state.balances.values()),
    )


def _totals(books: Books, ledger: Ledger) -> dict[str, int]:
    return {
        "elecoins_mE": books.total_elecoins,
        "generated_Wh": sum(user.generated for user in books.users.values()),
        "consumed_Wh": sum(user.consumed for user in books.users.values()),
        "deficit_Wh": sum(user.deficit for user in books.users.values()),
        "purchases_wei": books.purchased_wei,
        "withdrawals_wei": books.withdrawn_wei,
        "allocated_wei": sum(ledger.allocated.values()),
        "burnt_wei": ledger.burnt_wei,
        "tips_wei": ledger.tips_wei,
        "rewards_wei": ledger.rewards_wei,
        "transactions": ledger.transactions,
        "failed_transactions": ledger.failed_transactions,
    }
