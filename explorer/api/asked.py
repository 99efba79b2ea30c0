"""One request to the Etherscan-compatible API: its parameters, and where an answer to it is found.

Everything a client sends is text that somebody chose: each reading of a parameter says what it takes and
raises Refused for anything else, in Etherscan's words where it has some.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chain.rpc import RpcError, RpcUnreachable
from explorer import queries
from explorer.pages.lists import ADDRESS, HASH
from explorer.site import Site

LARGEST_WINDOW = 10_000
# Above every height that fits the index, and low enough to be counted with.
NO_END = 2**62
_READ_SECONDS = 3.0
_STEPS_BETWEEN_LOOKS = 100_000
_DIGITS = re.compile(r"[0-9]{1,78}")


class Refused(Exception):
    """The client is told `result` under the status 0: why, or an empty list for nothing."""

    def __init__(self, result: str | list[object] | None, message: str = "NOTOK") -> None:
        super().__init__(result or message)
        self.result = result
        self.message = message


class Window(NamedTuple):
    """Which part of a list is wanted."""

    first: int
    many: int


@dataclass
class Asked:
    """`fresh` becomes true where the answer may differ although the index and the head did not change."""

    site: Site
    values: Mapping[str, str]
    fresh: bool = field(default=False, init=False)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the index. Raises Refused where it takes longer than a client should wait."""
        with self.site.readers.reading() as index:
            deadline = time.monotonic() + _READ_SECONDS
            index.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS_BETWEEN_LOOKS)
            try:
                yield index
            except sqlite3.OperationalError as error:
                if str(error) != "interrupted":
                    raise
                raise Refused("Query Timeout occured. Please select a smaller result dataset") from error
            finally:
                index.set_progress_handler(None, 0)

    def node(self, method: str, *params: Any) -> Any:
        """The followed node's answer. Raises Refused with what the node says where it has none."""
        return self._answer(method, params, private=False)

    def node_within(self, method: str, *params: Any) -> Any:
        """The same of `debug` and `txpool`, which are not published."""
        return self._answer(method, params, private=True)

    def _answer(self, method: str, params: tuple[Any, ...], private: bool) -> Any:
        asking, following = self.site.asking, self.site.following
        try:
            rpc = asking.private(following) if private else asking.public(following)
            return rpc.request(method, *params)
        except RpcError as error:
            raise Refused(f"Error! The node refused: {error.message}") from error
        except RpcUnreachable as error:
            self.fresh = True
            raise Refused(f"Error! {error.what}") from error
        except RecursionError as error:
            raise Refused("Error! The node's answer is nested too deeply to be read") from error

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, default).strip()

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name).lower() or default
        if value not in allowed:
            raise Refused(f"Error! Invalid {name}: one of {', '.join(allowed)}")
        return value

    def address(self, name: str = "address") -> bytes:
        return _address(self.text(name), name)

    def addresses(self, name: str, most: int) -> list[tuple[str, bytes]]:
        """Each as it was written, and what it is."""
        texts = [part.strip() for part in self.text(name).split(",")]
        if len(texts) > most:
            raise Refused(f"Error! Maximum of {most} addresses only")
        return [(text, _address(text, name)) for text in texts]

    def hash(self, name: str = "txhash") -> bytes:
        text = self.text(name)
        if not HASH.fullmatch(text):
            raise Refused(f"Error! Missing or invalid {name}")
        return bytes.fromhex(text[2:])

    def optional_hash(self, name: str) -> bytes | None:
        return self.hash(name) if self.text(name) else None

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number; what no chain ever reaches is as good as NO_END."""
        text = self.text(name)
        if not text and default is not None:
            return default
        if not _DIGITS.fullmatch(text):
            raise Refused(f"Error! Missing or invalid {name}")
        return min(int(text), NO_END)

    def height(self, name: str, default: int) -> int:
        """A block number, or `latest`, whatever that is."""
        return NO_END if self.text(name).lower() == "latest" else self.number(name, default)

    def window(self, most: int = LARGEST_WINDOW) -> Window:
        """`page` counts from 1, `offset` is how many a page has: the names are Etherscan's.

        Without an offset a page has as many as it may.
        """
        page, count = max(1, self.number("page", 1)), min(self.number("offset", 0) or most, most)
        if page * count > LARGEST_WINDOW:
            raise Refused(
                None,
                "Result window is too large, PageNo x Offset size must be less than or equal to "
                f"{LARGEST_WINDOW}",
            )
        return Window((page - 1) * count, count)

    def tip_number(self, index: sqlite3.Connection) -> int:
        """Height of the newest indexed block; -1 before there is one."""
        tip = queries.tip(index)
        return -1 if tip is None else int(tip["number"])


def _address(text: str, name: str) -> bytes:
    if not ADDRESS.fullmatch(text):
        raise Refused("Error! Invalid address format" if text else f"Error! Missing {name}")
    return bytes.fromhex(text[2:])
