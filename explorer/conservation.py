"""The conservation audit at one block: the books made from events, beside what the contract itself says.

The books are the index's `entries`: how an account stood after a block is one look into them. The contract
is asked by eth_call for the same accounts in the state of the same block. What was moved without an event,
or told without being moved, differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chain.rpc import Read, Rpc, balance_of
from contracts.etsc import EdgeServer, Etsc, Terms, User
from explorer.index.books import Standing, entry_id, standing_at
from explorer.kept import Kept
from explorer.queries import Connection, Row
from explorer.words import hexed

ACCOUNTS = 400
_CALLS_PER_BATCH = 100
_MOST_KEPT = 20_000  # figures, two hundred bytes each
_USER = "user"

Kind = Literal["elecoins", "energy", "ether"]

_USER_QUANTITIES: tuple[tuple[str, Kind], ...] = (
    ("coins", "elecoins"),
    ("power", "energy"),
    ("offered", "energy"),
    ("generated", "energy"),
    ("consumed", "energy"),
    ("deficit", "energy"),
)


@dataclass(frozen=True)
class Figure:
    """What a quantity must be, and what it is: mE, Wh or wei, as its kind says."""

    quantity: str
    kind: Kind
    expected: int
    actual: int

    @property
    def ok(self) -> bool:
        return self.expected == self.actual

    @property
    def difference(self) -> int:
        """How much more there is than there must be."""
        return self.actual - self.expected


@dataclass(frozen=True)
class AccountAudit:
    account: bytes
    role: str
    figures: tuple[Figure, ...]

    @property
    def ok(self) -> bool:
        return all(figure.ok for figure in self.figures)


@dataclass(frozen=True)
class Party:
    """A participant as the books have it; `endowment` is the mE that an edge server began with."""

    account: bytes
    role: str
    standing: Standing
    endowment: int


@dataclass(frozen=True)
class Audit:
    """What was compared. `sums` are None where not all accounts were. `ether` is what changed in this block
    of the ether of those who took part in it, None where nobody did."""

    users: tuple[AccountAudit, ...]
    edge_servers: tuple[AccountAudit, ...]
    sums: tuple[Figure, ...] | None
    ether: tuple[AccountAudit, ...] | None

    @property
    def figures(self) -> tuple[tuple[bytes | None, Figure], ...]:
        """All of them, with the account; None is all accounts together."""
        accounts = (*self.users, *self.edge_servers, *(self.ether or ()))
        own = tuple((each.account, figure) for each in accounts for figure in each.figures)
        return (*((None, figure) for figure in self.sums or ()), *own)

    @property
    def failures(self) -> tuple[tuple[bytes | None, Figure], ...]:
        return tuple((account, figure) for account, figure in self.figures if not figure.ok)


class Audits:
    """Audits of the same accounts in the state of the same block by the same node, which stay as they are."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[object, ...], Audit] = Kept(_MOST_KEPT, lambda audit: len(audit.figures))

    def of(
        self,
        node: str | None,
        rpc: Callable[[], Rpc],
        contract: bytes,
        block: Row,
        found: Sequence[Party],
        whole: bool,
        due: dict[bytes, int],
    ) -> Audit:
        """As `compare`, whose errors it raises; `rpc` is asked for the node of that name where it must be."""
        key = node, contract, bytes(block["hash"]), tuple(found), whole, tuple(sorted(due.items()))
        audit = self._kept.get(key)
        if audit is None:
            audit = compare(rpc(), contract, block, found, whole, due)
            self._kept.put(key, audit)
        return audit


def parties(index: Connection, number: int, after: bytes, limit: int) -> list[Party]:
    """Users and edge servers as of the block of that height, by address, from above `after` on."""
    rows = index.execute(
        "SELECT address, role FROM participants WHERE address > ? AND number <= ? "
        "AND role IN ('user', 'edge-server') ORDER BY address LIMIT ?",
        (after, number, limit),
    )
    return [
        Party(
            bytes(row["address"]),
            row["role"],
            standing_at(index, row["address"], number) or Standing(),
            0 if row["role"] == _USER else _endowment(index, row["address"]),
        )
        for row in rows.fetchall()
    ]


def _endowment(index: Connection, account: bytes) -> int:
    """An edge server's first entry: what it began with."""
    row = index.execute(
        "SELECT kind, coins FROM entries WHERE account = ? ORDER BY id LIMIT 1", (account,)
    ).fetchone()
    return row["coins"] if row is not None and row["kind"] == "endowed" else 0


def beside(index: Connection, number: int) -> tuple[int | None, int | None]:
    """Heights of the blocks before and after that one in which anything was entered."""
    before = index.execute(
        "SELECT max(number) FROM (SELECT number FROM entries WHERE id < ? ORDER BY id DESC LIMIT 1)",
        (entry_id(number, 0, 0),),
    ).fetchone()[0]
    after = index.execute(
        "SELECT min(number) FROM (SELECT number FROM entries WHERE id >= ? ORDER BY id LIMIT 1)",
        (entry_id(number + 1, 0, 0),),
    ).fetchone()[0]
    return before, after


def ether_due(index: Connection, contract: bytes, block: Row) -> dict[bytes, int]:
    """By how many wei this block must have changed the balances of those who took part in it, and of the
    contract; empty where nobody did. Whoever earned by sealing the block is left out."""
    due: dict[bytes, int] = {}
    for account, wei in index.execute(
        "SELECT account, ether FROM entries WHERE id BETWEEN ? AND ?",
        (entry_id(block["number"], 0, 0), entry_id(block["number"] + 1, 0, 0) - 1),
    ):
        due[bytes(account)] = due.get(bytes(account), 0) + int(wei)
    if not due:
        return due
    of_contract = -sum(due.values())
    # In a crowded block the contract alone stands for all.
    due = {**(due if len(due) < ACCOUNTS else {}), contract: of_contract}
    first, marks = block["id"] << 20, ", ".join("?" * len(due))
    for row in index.execute(
        "SELECT sender, recipient, value_wei, gas_used, gas_price_wei, status FROM transactions "
        f"WHERE id BETWEEN ? AND ? AND (sender IN ({marks}) OR recipient IN ({marks}))",
        (first, first + 0xFFFFF, *due, *due),
    ):
        sender, recipient = bytes(row["sender"]), row["recipient"]
        if sender in due:
            due[sender] -= row["gas_used"] * int(row["gas_price_wei"])
        # What goes to the contract is in the books already.
        if row["status"] == 1 and recipient != contract:
            if sender in due:
                due[sender] -= int(row["value_wei"])
            if recipient in due:
                due[recipient] += int(row["value_wei"])
    miners = index.execute("SELECT miner FROM uncles WHERE block_id = ?", (block["id"],)).fetchall()
    for miner in (block["sealer"], *(row["miner"] for row in miners)):
        due.pop(miner, None)
    return due


def compare(
    rpc: Rpc, contract: bytes, block: Row, found: Sequence[Party], whole: bool, due: dict[bytes, int]
) -> Audit:
    """`found` beside the contract in the state of `block`; `whole` says that there is nobody else.

    Raises RpcError where the node does not have that state, RpcUnreachable, and TestbedError where there is
    no ETSC in it.
    """
    etsc, at = Etsc(hexed(contract)), hexed(block["hash"])
    users = [party for party in found if party.role == _USER]
    servers = [party for party in found if party.role != _USER]
    balances = [balance_of(hexed(account)) for account in due]
    reads: list[Read[Any]] = [etsc.terms(), etsc.total_elecoins(), balance_of(hexed(contract)), *balances]
    reads += [etsc.user(hexed(party.account)) for party in users]
    reads += [etsc.edge_server(hexed(party.account)) for party in servers]
    answers = iter(_ask(rpc, reads, at))
    terms, total, held = itertools.islice(answers, 3)
    after = list(itertools.islice(answers, len(balances)))
    user_records = list(itertools.islice(answers, len(users)))
    server_records = list(answers)
    return Audit(
        tuple(map(_user, users, user_records)),
        tuple(_edge_server(*pair, terms) for pair in zip(servers, server_records, strict=True)),
        _sums(found, user_records, server_records, terms, total, held) if whole else None,
        _ether(due, _ask(rpc, balances, hexed(block["parent_hash"])), after) if due else None,
    )


def _ask(rpc: Rpc, reads: Sequence[Read[Any]], block_hash: str) -> list[Any]:
    return [
        answer
        for start in range(0, len(reads), _CALLS_PER_BATCH)
        for answer in rpc.fetch_all(reads[start : start + _CALLS_PER_BATCH], {"blockHash": block_hash})
    ]


def _user(party: Party, record: User) -> AccountAudit:
    figures = (
        Figure(name, kind, getattr(party.standing, name), getattr(record, name))
        for name, kind in _USER_QUANTITIES
    )
    return AccountAudit(party.account, party.role, tuple(figures))


def _edge_server(party: Party, record: EdgeServer, terms: Terms) -> AccountAudit:
    return AccountAudit(
        party.account,
        party.role,
        (
            Figure("stock", "elecoins", party.standing.coins, record.stock),
            Figure("credit", "ether", party.standing.credit, record.credit),
            Figure("reserve", "ether", _reserve(party, terms), record.reserve),
        ),
    )


def _reserve(party: Party, terms: Terms) -> int:
    """What is kept to buy back all that an edge server has sold, at the lowest unit price."""
    return (party.endowment - party.standing.coins) * terms.min_unit_price


def _sums(
    found: Sequence[Party],
    users: Sequence[User],
    servers: Sequence[EdgeServer],
    terms: Terms,
    total: int,
    held: int,
) -> tuple[Figure, ...]:
    """What must hold over all accounts: of the books, and of what the contract says."""
    books = [party.standing for party in found]
    owed = sum(party.standing.credit + _reserve(party, terms) for party in found if party.role != _USER)
    return (
        Figure("coins + stock by the books", "elecoins", total, sum(each.coins for each in books)),
        Figure(
            "coins + stock by the contract",
            "elecoins",
            total,
            sum(user.coins for user in users) + sum(server.stock for server in servers),
        ),
        Figure("power by the books", "energy", _power_due(books), sum(each.power for each in books)),
        Figure("power by the contract", "energy", _power_due(users), sum(user.power for user in users)),
        Figure("ether held, by the books", "ether", owed, held),
        Figure(
            "ether held, by the contract",
            "ether",
            sum(server.credit + server.reserve for server in servers),
            held,
        ),
    )


def _power_due(records: Iterable[Standing | User]) -> int:
    return sum(record.generated - record.consumed + record.deficit for record in records)


def _ether(due: dict[bytes, int], before: Sequence[int], after: Sequence[int]) -> tuple[AccountAudit, ...]:
    return tuple(
        AccountAudit(account, "", (Figure("ether in this block", "ether", wei, new - old),))
        for (account, wei), old, new in zip(due.items(), before, after, strict=True)
    )
