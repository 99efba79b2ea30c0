"""REST of the chain: blocks, transactions, accounts, nodes, reorganisations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.requests import Request

from chain.rpc import balance_of, nonce_of
from errors import TestbedError
from explorer import queries
from explorer.api import models, shown
from explorer.api.models import Page
from explorer.api.paging import LARGEST, NOT_FOUND, Limit, Number, Place, listed, missing, number, place
from explorer.index.books import standing_at
from explorer.queries import Connection, Row
from explorer.site import site_of
from explorer.words import checksummed, cleaned, cleaned_long, hexed

router = APIRouter(tags=["chain"])
_EVENTS = 200

BlockName = Annotated[
    str, Path(pattern="^([0-9]{1,18}|0x[0-9a-fA-F]{64})$", description="height, or hash of 32 bytes")
]
TransactionHash = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]
AccountAddress = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{40}$")]
ManyOf = Annotated[
    str | None,
    Query(pattern="^[0-9]{1,18}[.]0x[0-9a-f]{40}$", description="after this one: count.address"),
]


@router.get("/status", summary="How far the index is, and of which chain")
def status(request: Request) -> models.Status:
    site = site_of(request)
    following, contract = site.following, site.contract
    with site.readers.reading() as index:
        genesis, tip = queries.genesis_hash(index), queries.tip(index)
        counts = {kind: queries.tally(index, kind) for kind in ("transactions", "logs")}
    indexed = None if tip is None else int(tip["number"])
    head = following.head
    return models.Status(
        name=cleaned(site.config.name),
        chain_id=following.chain_id,
        consensus=site.consensus,
        genesis_hash=shown.optional_hash(genesis),
        contract=shown.optional_address(contract),
        head=head,
        indexed=indexed,
        lag=None if head is None else max(0, head - (-1 if indexed is None else indexed)),
        transactions=counts["transactions"],
        logs=counts["logs"],
        problem=None if following.problem is None else cleaned_long(following.problem),
        notices=[cleaned_long(notice) for notice in following.notices],
    )


@router.get("/blocks", summary="Canonical blocks, newest first")
def blocks(request: Request, before: Number = None, limit: Limit = 50) -> Page[models.Block]:
    with site_of(request).readers.reading() as index:
        rows = queries.latest_blocks(index, limit + 1, number(before))
    return listed(
        request, rows, limit, lambda row: models.Block(**shown.block(row)), lambda row: str(row["number"])
    )


@router.get("/blocks/{block}", responses=NOT_FOUND, summary="One block, canonical or an orphan")
def block(request: Request, block: BlockName) -> models.WholeBlock:
    with site_of(request).readers.reading() as index:
        row = _found_block(index, block)
        uncles = queries.uncles_in(index, row["id"])
        orphans = queries.orphans_at(index, row["number"])
    return models.WholeBlock(
        **shown.block(row),
        uncle_headers=[
            models.Uncle(
                hash=hexed(uncle["hash"]),
                number=uncle["number"],
                miner=checksummed(uncle["miner"]),
                timestamp=uncle["timestamp"],
                difficulty=uncle["difficulty"],
            )
            for uncle in uncles
        ],
        orphans=[hexed(orphan["hash"]) for orphan in orphans if orphan["id"] != row["id"]],
    )


@router.get(
    "/blocks/{block}/transactions", responses=NOT_FOUND, summary="Transactions of a block, the last one first"
)
def block_transactions(
    request: Request, block: BlockName, before: Number = None, limit: Limit = 50
) -> Page[models.Transaction]:
    site = site_of(request)
    with site.readers.reading() as index:
        block_id = _found_block(index, block)["id"]
        rows = index.execute(
            "SELECT t.*, b.hash AS block_hash, b.timestamp, b.canonical "
            "FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
            "WHERE t.id >= ?1 << 20 AND t.id < (?1 << 20) + ?2 ORDER BY t.id DESC LIMIT ?3",
            (block_id, min(number(before), 1 << 20), limit + 1),
        ).fetchall()
    return listed(request, rows, limit, shown.transactions_of(site), lambda row: str(row["position"]))


@router.get("/transactions", summary="Canonical transactions, newest first")
def transactions(request: Request, before: Place = None, limit: Limit = 50) -> Page[models.Transaction]:
    site = site_of(request)
    with site.readers.reading() as index:
        rows = queries.latest_transactions(index, limit + 1, place(before))
    return listed(request, rows, limit, shown.transactions_of(site), _place)


@router.get(
    "/transactions/{hash}",
    responses=NOT_FOUND,
    summary="One transaction with its decoded call and its events",
)
def transaction(request: Request, hash: TransactionHash) -> models.WholeTransaction:
    site = site_of(request)
    with site.readers.reading() as index:
        inclusions = queries.inclusions(index, bytes.fromhex(hash[2:]))
        if not inclusions:
            raise missing("transaction")
        row = inclusions[0]
        tip = queries.tip(index)
        logs = queries.logs_in(index, row["block_id"], row["position"], _EVENTS)
        events = queries.number_of_logs_in(index, row["block_id"], row["position"])
    call = shown.call_of(site, row)
    return models.WholeTransaction(
        **shown.transaction(site, row),
        confirmations=tip["number"] - row["number"] + 1 if tip and row["canonical"] else 0,
        arguments=[] if call is None else shown.arguments(call.fields),
        events=[shown.event(site, log) for log in logs],
        events_in_all=events,
        orphaned_in=[hexed(each["block_hash"]) for each in inclusions if not each["canonical"]],
    )


@router.get("/addresses/{address}", summary="One account")
def address(request: Request, address: AccountAddress) -> models.Account:
    site, account = site_of(request), bytes.fromhex(address[2:])
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        standing = standing_at(index, account, None)
        created = queries.creation_of(index, account)
        counts = {kind: queries.tally(index, kind, account) for kind in ("account", "sealer")}
    balance = nonce = None
    problem: str | None = "no block is indexed yet"
    if tip is not None:
        try:
            reads = [balance_of(hexed(account)), nonce_of(hexed(account))]
            rpc = site.asking.public(site.following)
            (balance, nonce), problem = rpc.fetch_all(reads, {"blockHash": hexed(tip["hash"])}), None
        except TestbedError as error:
            problem = cleaned_long(error.what)
    return models.Account(
        **shown.named(site, account),
        transactions=counts["account"],
        sealed=counts["sealer"],
        standing=None
        if standing is None
        else models.Standing(
            coins=standing.coins,
            power=standing.power,
            offered=standing.offered,
            generated=standing.generated,
            consumed=standing.consumed,
            deficit=standing.deficit,
            credit_wei=str(standing.credit),
        ),
        created_by=None if created is None else hexed(created["hash"]),
        balance_wei=None if balance is None else str(balance),
        nonce=nonce,
        problem=problem,
    )


@router.get("/addresses/{address}/transactions", summary="Sent, received or created by, newest first")
def address_transactions(
    request: Request, address: AccountAddress, before: Place = None, limit: Limit = 50
) -> Page[models.Transaction]:
    site = site_of(request)
    with site.readers.reading() as index:
        rows = queries.transactions_of(index, bytes.fromhex(address[2:]), limit + 1, place(before))
    return listed(request, rows, limit, shown.transactions_of(site), _place)


@router.get("/addresses/{address}/entries", summary="Its entries in the books of ETSC, newest first")
def entries(
    request: Request, address: AccountAddress, before: Number = None, limit: Limit = 50
) -> Page[models.Entry]:
    with site_of(request).readers.reading() as index:
        rows = index.execute(
            "SELECT * FROM entries WHERE account = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (bytes.fromhex(address[2:]), number(before), limit + 1),
        ).fetchall()
    return listed(request, rows, limit, shown.entry, lambda row: str(row["id"]))


@router.get("/accounts", summary="Accounts by their number of transactions, most first")
def accounts(request: Request, before: ManyOf = None, limit: Limit = 50) -> Page[models.AccountRow]:
    site = site_of(request)
    count, _, after = (before or "").partition(".0x")
    with site.readers.reading() as index:
        site.learn_names(index)
        rows = index.execute(
            "SELECT address, count FROM tallies WHERE kind = 'account' AND (count, address) < (?, ?) "
            "ORDER BY count DESC, address DESC LIMIT ?",
            (int(count) if count else LARGEST, bytes.fromhex(after), limit + 1),
        ).fetchall()
    return listed(
        request,
        rows,
        limit,
        lambda row: models.AccountRow(**shown.named(site, row["address"]), transactions=row["count"]),
        lambda row: f"{row['count']}.{hexed(row['address'])}",
    )


@router.get("/nodes", summary="The nodes side by side, as each tells it")
def nodes(request: Request) -> list[models.Node]:
    return [
        models.Node(
            name=cleaned(seen.node.name),
            device=cleaned(seen.node.device),
            address=seen.node.address,
            problem=None if seen.problem is None else cleaned_long(seen.problem),
            client=None if seen.client is None else cleaned(seen.client, 200),
            head=seen.head,
            head_hash=shown.optional_hash(seen.head_hash),
            total_difficulty=None if seen.total_difficulty is None else str(seen.total_difficulty),
            sealing=seen.sealing,
            round_trip_ms=seen.round_trip_ms,
            peers=None if seen.peers is None else len(seen.peers),
            pending=seen.pending,
            queued=seen.queued,
        )
        for seen in site_of(request).following.nodes
    ]


@router.get("/reorganisations", summary="Reorganisations that the explorer saw, newest first")
def reorganisations(
    request: Request, before: Number = None, limit: Limit = 50
) -> Page[models.Reorganisation]:
    with site_of(request).readers.reading() as index:
        rows = index.execute(
            "SELECT * FROM reorganisations WHERE id < ? ORDER BY id DESC LIMIT ?", (number(before), limit + 1)
        ).fetchall()
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Reorganisation(
            id=row["id"],
            seen_at=row["seen_at"],
            ancestor=row["ancestor"],
            depth=row["depth"],
            old_tip=hexed(row["old_tip"]),
            new_tip=hexed(row["new_tip"]) or "0x",
        ),
        lambda row: str(row["id"]),
    )


def _found_block(index: Connection, name: str) -> Row:
    if name.startswith("0x"):
        row = queries.block_of_hash(index, bytes.fromhex(name[2:]))
    else:
        row = queries.block_at(index, int(name))
    if row is None:
        raise missing("block")
    return row


def _place(row: Row) -> str:
    return f"{row['number']}.{row['position']}"
