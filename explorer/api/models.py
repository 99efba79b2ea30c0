"""What REST answers with, in the forms that rest_app says."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
Octets = Annotated[str, Field(pattern="^0x([0-9a-f]{2})*$")]
Wei = Annotated[str, Field(pattern="^-?[0-9]+$", description="wei; a number that may not fit 64 bits")]
Height = Annotated[int, Field(ge=0)]
Timestamp = Annotated[int, Field(ge=0, description="seconds since 1970 on the chain's clock")]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(Model):
    """RFC 9457, application/problem+json."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Page(Model, Generic[T]):
    """Part of a list. `next` is where the part after it is, null at the end."""

    items: list[T]
    next: str | None


class Status(Model):
    """How far the index is, and of which chain; `problem` says why it does not move."""

    name: str
    chain_id: int | None
    consensus: str | None
    genesis_hash: Hash | None
    contract: Address | None
    head: int | None
    indexed: int | None
    lag: int | None = Field(description="blocks that the index is behind the head")
    transactions: int
    logs: int
    problem: str | None
    notices: list[str]


class Uncle(Model):
    hash: Hash
    number: Height
    miner: Address
    timestamp: Timestamp
    difficulty: Wei


class Block(Model):
    hash: Hash
    number: Height
    parent_hash: Hash
    timestamp: Timestamp
    sealer: Address | None = Field(description="who sealed or mined it; nobody did the genesis block")
    difficulty: Annotated[str, Field(pattern="^[0-9]+$")]
    gas_limit: int
    gas_used: int
    base_fee_wei: Wei
    size: int = Field(description="bytes")
    extra_data: Octets
    state_root: Hash
    transactions: int
    uncles: int
    canonical: bool = Field(description="false for an orphan")


class WholeBlock(Block):
    """With its uncles, and the orphans that stood at its height."""

    uncle_headers: list[Uncle]
    orphans: list[Hash]


class Transaction(Model):
    hash: Hash
    number: Height = Field(description="of the block that includes it")
    block_hash: Hash
    timestamp: Timestamp
    position: int
    canonical: bool
    sender: Address
    recipient: Address | None
    created: Address | None = Field(description="the contract that it creates")
    nonce: int
    value_wei: Wei
    gas_limit: int
    gas_used: int
    gas_price_wei: Wei = Field(description="what was paid for each gas")
    type: int
    success: bool
    input: Octets
    function: str | None = Field(description="of ETSC, where it calls one")


class Argument(Model):
    """A list or a struct has its parts for a value."""

    name: str
    kind: str = Field(description="elecoins (mE), energy (Wh), price (wei per mE), address, slot, text, …")
    value: str | list[Argument]


class Event(Model):
    """A log; `name` and `arguments` where it is an event of ETSC."""

    log_index: int
    address: Address
    topics: list[Hash]
    data: Octets
    name: str | None
    arguments: list[Argument]


class WholeTransaction(Transaction):
    """With the decoded call and the first 200 events."""

    confirmations: int
    arguments: list[Argument]
    events: list[Event]
    events_in_all: int
    orphaned_in: list[Hash] = Field(description="blocks that included it and are no longer of the chain")


class Standing(Model):
    """What the books of ETSC say of an account: elecoins in mE, electricity in Wh."""

    coins: int = Field(description="mE; an edge server's are its stock")
    power: int
    offered: int
    generated: int
    consumed: int
    deficit: int
    credit_wei: Wei


class Account(Model):
    """`balance_wei` and `nonce` are the node's at the indexed head, null where it does not answer."""

    address: Address
    name: str | None
    role: str | None
    transactions: int
    sealed: int = Field(description="canonical blocks that it sealed or mined")
    standing: Standing | None
    created_by: Hash | None = Field(description="the transaction that created this contract")
    balance_wei: Wei | None
    nonce: int | None
    problem: str | None


class AccountRow(Model):
    address: Address
    name: str | None
    role: str | None
    transactions: int


class Entry(Model):
    """What an event of ETSC moved for one account, and how the account stood after it."""

    id: str = Field(description="rises along the chain")
    number: Height
    timestamp: Timestamp
    slot: int | None
    account: Address
    kind: str
    other: Address | None
    coins: int = Field(description="mE")
    power: int = Field(description="Wh")
    ether_wei: Wei = Field(description="that the account was paid; negative: that it paid")
    after: Standing


class Slot(Model):
    slot: int
    number: Height
    timestamp: Timestamp
    seller: Address
    price_wei_per_mE: Wei | None


class Price(Model):
    slot: int
    number: Height
    edge_server: Address
    prosumer: Address | None = Field(description="null: of everybody who has no price of its own")
    price_wei_per_mE: Wei


class Demand(Model):
    """A purchase of elecoins."""

    id: str
    slot: int
    number: Height
    timestamp: Timestamp
    prosumer: Address
    edge_server: Address
    coins: int = Field(description="mE")
    cost_wei: Wei


class Trade(Model):
    """Electricity for elecoins."""

    id: str
    slot: int
    number: Height
    timestamp: Timestamp
    buyer: Address
    retailer: Address
    energy: int = Field(description="Wh")
    cost: int = Field(description="mE")


class Hour(Model):
    """What one retailer sold to one buyer in an hour of the chain's time."""

    starts_at: Timestamp
    retailer: Address
    buyer: Address
    energy: int = Field(description="Wh")
    cost: int = Field(description="mE")
    trades: int


class Node(Model):
    name: str
    device: str
    address: str | None = Field(description="of its p2p listener")
    problem: str | None
    client: str | None
    head: int | None
    head_hash: Hash | None
    total_difficulty: Wei | None
    sealing: bool | None
    round_trip_ms: float | None
    peers: int | None
    pending: int | None
    queued: int | None


class Reorganisation(Model):
    id: int
    seen_at: int
    ancestor: Height
    depth: int
    old_tip: Hash
    new_tip: Octets
