"""What went on inside a transaction, from a node's trace of it: why it failed, and the ether that contracts
moved. Nothing of it is in the chain: it is found by doing the transaction again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chain.rpc import Rpc, RpcError, from_quantity
from errors import TestbedError
from explorer import etsc
from explorer.etsc import Field
from explorer.index.rows import octets
from explorer.kept import Kept
from explorer.queries import Row
from explorer.words import hexed

_KEPT = 256
_TRANSFERS_SHOWN = 100
# What a transfer to an account without code costs: then nothing ran that could move more ether.
_TRANSFER_GAS = 21_000
# A call costs at least a hundred, so this bounds what a trace of all calls can weigh.
_MOST_GAS = 2_000_000
_METHOD_NOT_FOUND = -32601
_PAYING = frozenset({"redeem", "withdraw"})  # of ETSC's functions those that send ether
_MOVING = frozenset({"CALL", "CREATE", "CREATE2", "SELFDESTRUCT"})


@dataclass(frozen=True)
class Failure:
    """Why a transaction failed; name is "" where the reason is no error of Solidity's."""

    name: str
    sentence: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Transfer:
    """Ether that a contract moved; `how` is the operation in lower case."""

    how: str
    sender: bytes
    recipient: bytes
    value_wei: int


@dataclass(frozen=True)
class Trace:
    """`transfers` are the first of `transfers_in_all`."""

    failure: Failure | None = None
    transfers: tuple[Transfer, ...] = ()
    transfers_in_all: int = 0


_NOTHING = Trace()


class Traces:
    """Traces of transactions; of blocks that lie deep the last few are kept. Any thread may ask."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[bytes, bytes], Trace] = Kept(_KEPT)

    def of(self, transaction: Row, contract: bytes | None, node: Callable[[], Rpc], deep: bool) -> Trace:
        """Asks the node, which must answer `debug`, unless it is known or there can be nothing to tell.

        Raises TestbedError that says why there is no trace.
        """
        if is_plain(transaction, contract):
            return _NOTHING
        key = bytes(transaction["block_hash"]), bytes(transaction["hash"])
        if (known := self._kept.get(key)) is not None:
            return known
        traced = _ask(transaction, contract, node())
        if deep:
            self._kept.put(key, traced)
        return traced


def is_plain(transaction: Row, contract: bytes | None) -> bool:
    """Whether it succeeded and can have moved no ether but its own value."""
    if transaction["status"] != 1:
        return False
    if transaction["recipient"] is not None and transaction["recipient"] == contract:
        function = etsc.function_of(transaction["input"])
        return function is not None and function not in _PAYING
    return bool(transaction["recipient"] is not None and transaction["gas_used"] <= _TRANSFER_GAS)


def _ask(transaction: Row, contract: bytes | None, rpc: Rpc) -> Trace:
    if not transaction["canonical"]:
        raise TestbedError("a node traces only what its chain includes")
    failed = transaction["status"] != 1
    if not failed and transaction["gas_used"] > _MOST_GAS:
        raise TestbedError(f"it used more than {_MOST_GAS:,} gas, and is not done again to look for them")
    # What failed moved nothing, so that the outermost call tells all.
    options = {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": failed}}
    try:
        frame = rpc.request("debug_traceTransaction", hexed(transaction["hash"]), options)
        ended_badly = "error" in frame
        traced = (
            Trace(_failure(frame, transaction, contract))
            if ended_badly
            else _with_transfers(frame.get("calls") or [])
        )
    except RpcError as error:
        if error.code == _METHOD_NOT_FOUND:
            raise TestbedError("the node does not answer `debug` to the explorer") from error
        raise
    except RecursionError as error:
        raise TestbedError("its calls lie too deep in one another to be read") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TestbedError(f"the node's trace came malformed ({type(error).__name__}: {error})") from error
    if ended_badly != failed:
        raise TestbedError("the node's trace ends otherwise than the receipt: its chain may have moved")
    return traced


def _failure(frame: dict[str, Any], transaction: Row, contract: bytes | None) -> Failure:
    from contracts.reverts import decode_revert

    error = str(frame["error"])
    if "out of gas" in error:
        return Failure("", f"it ran out of gas: its limit was {transaction['gas_limit']:,}")
    if "revert" not in error:
        return Failure("", f"the virtual machine stopped it: {error}")
    reason = decode_revert(octets(frame.get("output") or "0x"))
    own = contract is not None and contract in (transaction["recipient"], transaction["created"])
    if reason.name == "":
        return Failure("", _silent(transaction, own))
    if reason.name == "Unknown":
        return Failure("", f"it reverted with data that is no known error: {reason.values['data']}")
    fields = etsc.fields_of_error(reason.name, reason.values)
    if own or reason.name in ("Error", "Panic"):
        return Failure(reason.name, reason.what, fields)
    # Another contract may have an error of the same form, and mean something else by it.
    return Failure(reason.name, "it reverted with an error of this form", fields)


def _silent(transaction: Row, own: bool) -> str:
    if own and transaction["recipient"] is not None and etsc.decode_call(transaction["input"]) is None:
        return "ETSC has no such function, or not with these arguments"
    return (
        "it reverted without a reason: there is no such function, the call carries ether that it must not, "
        "or its arguments cannot be read"
    )


def _with_transfers(calls: list[dict[str, Any]]) -> Trace:
    transfers: list[Transfer] = []
    in_all = 0
    for transfer in _transfers(calls):
        in_all += 1
        if in_all <= _TRANSFERS_SHOWN:
            transfers.append(transfer)
    return Trace(None, tuple(transfers), in_all)


def _transfers(calls: list[dict[str, Any]]) -> Iterator[Transfer]:
    """In the order of the calls; what a call that failed did was undone with it."""
    ahead = calls[::-1]
    while ahead:
        frame = ahead.pop()
        if "error" in frame:
            continue
        value_wei = from_quantity(frame.get("value") or "0x0")
        if value_wei and frame["type"] in _MOVING:
            yield Transfer(frame["type"].lower(), octets(frame["from"]), octets(frame["to"]), value_wei)
        ahead += (frame.get("calls") or [])[::-1]
