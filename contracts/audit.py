"""The conservation audit: elecoins, electricity and ether worked out anew and compared with the chain.

The expected side comes from events, transactions and receipts alone; the actual side from eth_call and
eth_getBalance at one block. A contract that moves something without saying so, or says so without moving it,
shows as a check that fails, account by account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from eth_utils.address import to_checksum_address

from chain.rpc import BlockTag, Read, Rpc, balance_of
from contracts.etsc import Etsc
from contracts.ledger import Ledger, read_ledger
from contracts.replay import Books, replay

K = TypeVar("K")
T = TypeVar("T")

Kind = Literal["elecoins", "electricity", "ether", "market", "registry"]
_USER_QUANTITIES: dict[str, Kind] = {
    "coins": "elecoins",
    "power": "electricity",
    "generated": "electricity",
    "consumed": "electricity",
    "deficit": "electricity",
    "offered": "electricity",
    "registered": "registry",
    "name": "registry",
    "gen_right": "registry",
    "trans_right": "registry",
    "meter": "registry",
}
_METER_QUANTITIES: dict[str, Kind] = {
    "user": "registry",
    "generation_allowance": "electricity",
    "consumption_allowance": "electricity",
}
_EDGE_SERVER_QUANTITIES: dict[str, Kind] = {
    "stock": "elecoins",
    "credit": "ether",
    "reserve": "ether",
    "registered": "registry",
    "price": "market",
    "discriminated": "market",
    "priced_in_slot": "market",
    "buy_back_price": "market",
}
_MARKET_QUANTITIES: dict[str, Kind] = {
    "number": "market",
    "opened_at_block": "market",
    "seller": "market",
    "price": "market",
}
_TEXTS = {"name", "meter", "user", "seller"}
_READS_A_BATCH = 200
_ALL = "all"


@dataclass(frozen=True)
class Check:
    """One comparison. account is "all" for a sum; elecoins in mE, electricity in Wh, ether in wei.

    Names and addresses are text ("" for nobody), and what is true or false is 1 or 0.
    """

    kind: Kind
    account: str
    quantity: str
    expected: int | str
    actual: int | str

    @property
    def ok(self) -> bool:
        return self.expected == self.actual

    @property
    def difference(self) -> int | None:
        """How much more the chain has than it must; None where that cannot be counted."""
        if isinstance(self.expected, str) or isinstance(self.actual, str):
            return None
        return self.actual - self.expected


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
                    "difference": None if check.difference is None else str(check.difference),
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
    at_block: BlockTag = {"blockHash": ledger.block_hash}
    books = replay(ledger.events)
    # Whoever took part in anything: an account that no event names must hold nothing.
    accounts = sorted(
        {
            *ledger.balances,
            *books.users,
            *books.meters,
            *books.edge_servers,
            *map(to_checksum_address, sealers),
        }
    )
    state = _State(rpc, etsc, accounts, books.own_prices(), at_block)
    checks = (
        *_account_checks(books, state, block),
        *_market_checks(books, state),
        *_sum_checks(books, state),
        *_ether_checks(books, ledger, state, etsc.address, sealers),
    )
    return Audit(block, ledger.block_hash, checks, _totals(books, ledger))


class _State:
    """What the chain says at one block of the accounts, of own prices and of the market."""

    def __init__(
        self,
        rpc: Rpc,
        etsc: Etsc,
        accounts: Sequence[str],
        own_prices: Iterable[tuple[str, str]],
        block: BlockTag,
    ) -> None:
        def ask(keys: Sequence[K], reads: Iterable[Read[T]]) -> dict[K, T]:
            waiting = list(reads)
            answers = [
                answer
                for start in range(0, len(waiting), _READS_A_BATCH)
                for answer in rpc.fetch_all(waiting[start : start + _READS_A_BATCH], block)
            ]
            return dict(zip(keys, answers, strict=True))

        pairs = list(own_prices)
        self.accounts = accounts
        self.users = ask(accounts, map(etsc.user, accounts))
        self.meters = ask(accounts, map(etsc.meter, accounts))
        self.edge_servers = ask(accounts, map(etsc.edge_server, accounts))
        self.balances = ask(accounts, map(balance_of, accounts))
        self.prices = ask(pairs, (etsc.price_for(server, prosumer) for server, prosumer in pairs))
        self.slot = rpc.fetch(etsc.slot(), block)
        self.paused = rpc.fetch(etsc.paused(), block)
        self.administrator = rpc.fetch(etsc.administrator(), block)
        self.successor = rpc.fetch(etsc.successor(), block)
        self.total_elecoins = rpc.fetch(etsc.total_elecoins(), block)
        self.unit_power_price = rpc.fetch(etsc.unit_power_price(), block)
        self.terms = rpc.fetch(etsc.terms(), block)


def _account_checks(books: Books, state: _State, block: int) -> Iterable[Check]:
    for account in state.accounts:
        user, meter, server = (
            books.users.get(account),
            books.meter(account, block),
            books.edge_server(account),
        )
        yield from _compare(_USER_QUANTITIES, account, user, state.users[account])
        yield from _compare(_METER_QUANTITIES, account, meter, state.meters[account])
        yield from _compare(_EDGE_SERVER_QUANTITIES, account, server, state.edge_servers[account])


def _market_checks(books: Books, state: _State) -> Iterable[Check]:
    yield from _compare(_MARKET_QUANTITIES, _ALL, books.current_slot(), state.slot)
    yield from _compare(dict.fromkeys(asdict(state.terms), "market"), _ALL, books.terms, state.terms)
    yield Check("market", _ALL, "unit_power_price", books.unit_power_price, state.unit_power_price)
    yield Check("market", _ALL, "paused", int(books.paused), int(state.paused))
    yield Check("registry", _ALL, "administrator", books.administrator, state.administrator)
    yield Check("registry", _ALL, "successor", books.successor or "", state.successor or "")
    for (server, prosumer), price in state.prices.items():
        expected = books.edge_servers[server].price_for(prosumer)
        yield Check("market", server, f"price for {prosumer}", expected, price)


def _sum_checks(books: Books, state: _State) -> Iterable[Check]:
    users, edge_servers = state.users.values(), state.edge_servers.values()
    coins = sum(user.coins for user in users)
    in_circulation = coins + sum(server.stock for server in edge_servers)
    yield Check("elecoins", _ALL, "total", books.total_elecoins, state.total_elecoins)
    allotted = sum(book.allotment for book in books.edge_servers.values())
    yield Check("elecoins", _ALL, "allotments", state.total_elecoins, allotted)
    yield Check("elecoins", _ALL, "coins + stock", state.total_elecoins, in_circulation)
    yield Check(
        "ether",
        _ALL,
        "reserves for all coins",
        coins * state.terms.min_unit_price,
        sum(server.reserve for server in edge_servers),
    )
    yield Check(
        "electricity",
        _ALL,
        "power",
        sum(user.generated - user.consumed + user.deficit for user in users),
        sum(user.power for user in users),
    )
    done = books.turnover
    yield Check("ether", _ALL, "purchases at posted prices", done.purchases_due_wei, done.purchases_wei)
    yield Check("ether", _ALL, "redemptions at posted prices", done.redemptions_due_wei, done.redemptions_wei)
    yield Check("elecoins", _ALL, "trades at the unit price", done.trades_due_me, done.trades_me)


def _compare(quantities: Mapping[str, Kind], account: str, book: object, record: object) -> Iterable[Check]:
    """Each quantity of an account; a quantity that is zero on both sides is no news and left out."""
    for quantity, kind in quantities.items():
        expected, actual = _comparable(book, quantity), _comparable(record, quantity)
        if book is not None or actual:
            yield Check(kind, account, quantity, expected, actual)


def _comparable(record: object, quantity: str) -> int | str:
    """A number or a text; nobody's is that of an all-zero record."""
    value = getattr(record, quantity, None)
    if value is None:
        return "" if quantity in _TEXTS else 0
    return int(value) if isinstance(value, bool) else value


def _ether_checks(
    books: Books, ledger: Ledger, state: _State, etsc: str, sealers: Sequence[str]
) -> Iterable[Check]:
    for account in state.accounts:
        yield Check("ether", account, "balance", ledger.balances[account], state.balances[account])
    held = state.balances.get(etsc, 0)
    owed = sum(server.credit + server.reserve for server in state.edge_servers.values())
    done = books.turnover
    moved = done.purchases_wei - done.redemptions_wei - done.withdrawals_wei
    yield Check("ether", etsc, "purchases - redemptions - withdrawals", moved, held)
    yield Check("ether", etsc, "credits + reserves", owed, held)
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
        "redeemed_mE": books.turnover.redeemed_me,
        "purchases_wei": books.turnover.purchases_wei,
        "redemptions_wei": books.turnover.redemptions_wei,
        "withdrawals_wei": books.turnover.withdrawals_wei,
        "allocated_wei": sum(ledger.allocated.values()),
        "burnt_wei": ledger.burnt_wei,
        "tips_wei": ledger.tips_wei,
        "rewards_wei": ledger.rewards_wei,
        "transactions": ledger.transactions,
        "failed_transactions": ledger.failed_transactions,
    }
