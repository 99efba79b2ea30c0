"""The pieces of HTML that a page has hundreds of: links to blocks, transactions and accounts, times, amounts.

Templates would take many times as long to make them. Every text of somebody else's is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from markupsafe import Markup, escape

from explorer import words
from explorer.names import Names


def block_link(number: int) -> Markup:
    return Markup(f'<a class="mono" href="/block/{number:d}">{number:,d}</a>')


def block_hash(block: bytes, full: bool = False) -> Markup:
    text = words.hexed(block)
    shown = text if full else words.shortened(text)
    return Markup(f'<a class="mono" href="/block/{text}" title="{text}">{shown}</a>')


def tx_hash(transaction: bytes, brief: bool = False) -> Markup:
    text = words.hexed(transaction)
    shown = words.shortened(text, 8, 4) if brief else words.shortened(text)
    return Markup(f'<a class="mono" href="/tx/{text}" title="{text}">{shown}</a>')


@lru_cache(maxsize=4096)
def time(seconds: int) -> Markup:
    """The time of the day; the date is in its title."""
    return _time(seconds, words.clock(seconds))


@lru_cache(maxsize=4096)
def date(seconds: int) -> Markup:
    """With the day, where there is room for it."""
    day, clock, _ = words.moment(seconds).split()
    return _time(seconds, f'<span class="wide">{day} </span>{clock}')


def _time(seconds: int, shown: str) -> Markup:
    exact = f'datetime="{words.iso(seconds)}" title="{words.moment(seconds)}"'
    return Markup(f"<time {exact}>{shown}</time>")


@lru_cache(maxsize=4096)
def value(wei: int | str) -> Markup:
    return Markup(f'<span title="{words.ether(wei)}">{words.ether_brief(wei)}</span>')


class Links:
    """Links to accounts, by the names that they have at the time."""

    def __init__(self, names: Callable[[], Names]) -> None:
        self._names = names

    def address(self, account: bytes, full: bool = False) -> Markup:
        """The name and the address beside it, or the address alone."""
        names = self._names()
        key = account, full
        if (kept := names.kept.get(key)) is not None:
            return Markup(kept)
        text, named = words.checksummed(account), names.of(account)
        if named is None:
            shown = text if full else words.shortened(text, 8, 6)
            link = f'<a class="mono" href="/address/{text}" title="{text}">{shown}</a>'
        else:
            role = f" · {escape(named.role)}" if named.role else ""
            shown = text if full else words.shortened(text, 6, 4)
            link = (
                f'<a class="name" href="/address/{text}" title="{text}{role}">{escape(named.name)}</a> '
                f'<span class="mono dim" title="{text}">{shown}</span>'
            )
        made = f'<span class="who">{link}</span>'
        names.keep(key, made)
        return Markup(made)

    def name_only(self, account: bytes) -> Markup:
        """The name, or the address where there is none; the address is in the title."""
        text, named = words.checksummed(account), self._names().of(account)
        kind, shown = ("mono", words.shortened(text, 8, 4)) if named is None else ("name", named.name)
        return Markup(f'<a class="{kind}" href="/address/{text}" title="{text}">{escape(shown)}</a>')
