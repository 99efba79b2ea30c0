"""/etsc: the contract itself: how it stands, whether it is made of the sources shown, what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from chain.rpc import balance_of, code_at
from contracts.events import TYPES
from errors import TestbedError
from explorer import etsc, queries, source_code, trading
from explorer.pages.lists import before
from explorer.site import Site, site_of
from explorer.source_code import Compared
from explorer.view_functions import Answer, Function, Question, ask, question, view_functions
from explorer.words import hexed

_EVENTS_PER_PAGE = 25
_SUGGESTED = 100
_NAMES = tuple(sorted(TYPES))


@dataclass(frozen=True)
class Read:
    """A view function as the page shows it: with what was typed, and the answer where it was asked."""

    function: Function
    question: Question | None
    answer: Answer | None


@dataclass(frozen=True)
class State:
    """What the node says of the contract in the state of one block."""

    balance_wei: int
    code: Compared
    reads: tuple[Read, ...]

    def answer(self, function: str) -> Any:
        """The fields of a function without inputs; None where it did not answer."""
        found = next(read.answer for read in self.reads if read.function.name == function)
        return None if found is None else found.decoded


def contract(request: Request) -> Response:
    site = site_of(request)
    address = site.contract
    if address is None:
        return site.missing("contract", "ETSC", "No ETSC is known yet: it is found once it is deployed.")
    query = request.query_params
    event = query.get("event", "")
    if event and event not in TYPES:
        return site.missing("event", event, "ETSC has these: " + ", ".join(_NAMES) + ".")
    place = before(query.get("before"))
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        created = queries.creation_of(index, address)
        logs = queries.events_before(
            index, address, etsc.topic_of(event) if event else None, _EVENTS_PER_PAGE + 1, place
        )
    asked = _asked(site, dict(query))
    state, problem = _state(site, address, tip["hash"], asked) if tip is not None else (None, "no block yet")
    shown = logs[:_EVENTS_PER_PAGE]
    return site.page(
        "etsc.html.j2",
        tip=tip,
        created=created,
        state=state,
        problem=problem,
        # Where no node answers the forms stay: what was typed is not lost.
        reads=state.reads if state is not None else _reads(asked, None),
        sources=source_code.sources(),
        compiler=source_code.compiler(),
        immutables=source_code.immutables(),
        suggested=site.config.accounts[:_SUGGESTED],
        events=trading.events(shown),
        event=event,
        event_names=_NAMES,
        older=_older(event, shown[-1]["number"], shown[-1]["log_index"])
        if len(logs) > _EVENTS_PER_PAGE
        else None,
        first_page=place is None,
    )


def source(request: Request) -> Response:
    """/etsc/source: the sources line by line."""
    files = source_code.sources()
    shipped = [file for file in files if file.text is not None]
    return site_of(request).page("etsc_source.html.j2", files=shipped, compiler=source_code.compiler())


def _asked(site: Site, typed: dict[str, str]) -> dict[str, Question]:
    """By function: all that need no input, and the one that the query of the page asks."""
    return {
        function.name: question(function, typed, site.address_named)
        for function in view_functions()
        if not function.inputs or function.name == typed.get("function")
    }


def _state(
    site: Site, address: bytes, block_hash: bytes, asked: dict[str, Question]
) -> tuple[State | None, str | None]:
    """At the indexed head; or why not."""
    text = hexed(address)
    try:
        rpc = site.asking.public(site.following)
        balance_wei, code = rpc.fetch_all([balance_of(text), code_at(text)], {"blockHash": hexed(block_hash)})
        answers = ask(rpc, address, list(asked.values()), block_hash)
    except TestbedError as error:
        return None, error.what
    reads = _reads(asked, dict(zip(asked, answers, strict=True)))
    return State(balance_wei, source_code.compare(code), reads), None


def _reads(asked: dict[str, Question], answers: dict[str, Answer] | None) -> tuple[Read, ...]:
    return tuple(
        Read(function, asked.get(function.name), (answers or {}).get(function.name))
        for function in view_functions()
    )


def _older(event: str, number: int, log_index: int) -> str:
    fields = {"event": event} if event else {}
    return "?" + urlencode({**fields, "before": f"{number}.{log_index}"}) + "#events-title"
