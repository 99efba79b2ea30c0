"""What all pages share: the templates, the names of the accounts, and the one way to make a page."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from explorer import links, words
from explorer.asking import Asking
from explorer.config import Config, Settings
from explorer.conservation import Audits
from explorer.index.readers import Readers
from explorer.index.rows import octets
from explorer.links import Links
from explorer.names import Named, Names
from explorer.state import Bell, Following, State
from explorer.trace import Traces

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass
class Site:
    """One explorer: its parts, as the pages find them in `request.app.state.site`."""

    settings: Settings
    readers: Readers
    bell: Bell
    state: State
    assets: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    templates: jinja2.Environment = field(init=False)
    asking: Asking = field(init=False)
    traces: Traces = field(default_factory=Traces)
    audits: Audits = field(default_factory=Audits)
    _registered: dict[bytes, Named] = field(default_factory=dict)
    _registered_in: tuple[object, ...] = ()
    _names: Names | None = None

    def __post_init__(self) -> None:
        self.asking = Asking(self.settings)
        for path in sorted((_HERE / "static").iterdir()):
            if path.suffix in _TYPES:
                self.assets[path.name] = path.read_bytes(), _TYPES[path.suffix]
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.globals["asset"] = self._asset_url
        self.templates.globals["links"] = links
        self.templates.globals["accounts_linked"] = Links(self.names_now)
        self.templates.filters.update(_FILTERS)

    @property
    def config(self) -> Config:
        return self.settings.current

    @property
    def following(self) -> Following:
        return self.state.following

    @property
    def consensus(self) -> str | None:
        return self.config.consensus or self.following.consensus

    @property
    def contract(self) -> bytes | None:
        """The ETSC that is shown: the configured one, or the one that was seen to be deployed."""
        return self.config.contract or self.following.contract

    def learn_names(self, index: sqlite3.Connection) -> None:
        """Read anew who is registered in ETSC, where anybody was since the last time."""
        place = index.execute("SELECT count(*), max(number) FROM participants").fetchone()
        stamp = (self.following.index, *place)
        if stamp != self._registered_in:
            self._registered = {
                bytes(row["address"]): Named(words.cleaned(row["name"]), row["role"])
                for row in index.execute("SELECT address, name, role FROM participants")
                if row["name"] or row["role"] != "user"
            }
            self._registered_in = stamp

    def name_of(self, address: bytes | None) -> Named | None:
        """What the configuration calls it, else what it was registered as in ETSC."""
        return None if address is None else self.names_now().of(address)

    def address_named(self, wanted: str) -> bytes | None:
        """The account of that name, in whatever case."""
        name = wanted.casefold()
        return next((address for text, address in self.names_now().all() if text.casefold() == name), None)

    def names_now(self) -> Names:
        names, config, contract = self._names, self.config, self.contract
        if (
            names is None
            or names.config is not config
            or names.registered is not self._registered
            or names.contract != contract
        ):
            names = self._names = Names(config, contract, self._registered)
        return names

    def _asset_url(self, name: str) -> str:
        digest = hashlib.sha256(self.assets[name][0]).hexdigest()[:12]
        return f"/static/{name}?v={digest}"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        following, problem = self.following, self.settings.problem
        html = self.templates.get_template(template).render(
            config=self.config,
            contract=self.contract,
            consensus=self.consensus or "not known yet",
            following=following,
            notices=[*following.notices, *([problem] if problem else [])],
            name_of=self.name_of,
            **context,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def missing(self, kind: str, wanted: str, hint: str = "", status: int = 404) -> Response:
        """A page that says what was looked for and not found; or, with 400, that it can be none."""
        return self.page("missing.html.j2", status, kind=kind, wanted=words.cleaned(wanted, 200), hint=hint)


_FILTERS: dict[str, Callable[..., Any]] = {
    "hexed": words.hexed,
    "checksummed": words.checksummed,
    "shortened": words.shortened,
    "cleaned": words.cleaned,
    "cleaned_long": words.cleaned_long,
    "client": words.client,
    "octets": octets,
    "elecoins": words.elecoins,
    "energy": words.energy,
    "thousandths": words.thousandths,
    "ether": words.ether,
    "ether_brief": words.ether_brief,
    "gwei": words.gwei,
    "price": words.price,
    "price_brief": words.price_brief,
    "unit_power_price": words.unit_power_price,
    "moment": words.moment,
    "clock": words.clock,
    "iso": words.iso,
    "thousands": lambda number: f"{int(number):,}",
}


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site
