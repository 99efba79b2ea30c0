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

from explorer import words
from explorer.asking import Asking
from explorer.config import Config, Settings
from explorer.index.readers import Readers
from explorer.index.rows import octets
from explorer.state import Bell, Following, State

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Named:
    """What an address is called; the name is somebody else's text, cleaned but not escaped."""

    name: str
    role: str


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
    _registered: dict[bytes, Named] = field(default_factory=dict)
    _registered_in: tuple[object, ...] = ()

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
        self.templates.filters.update(_FILTERS)

    @property
    def config(self) -> Config:
        return self.settings.current

    @property
    def following(self) -> Following:
        return self.state.following

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
        config = self.config
        if address is None:
            return None
        if address == self.contract:
            return Named("ETSC", "contract")
        if (account := config.by_address.get(address)) is not None:
            return Named(words.cleaned(account.name), words.cleaned(account.role))
        if (node := config.by_sealer.get(address)) is not None:
            return Named(words.cleaned(node.name), "sealer")
        registered = self._registered.get(address)
        return registered if registered is None or registered.name else Named(registered.role, "")

    def address_named(self, wanted: str) -> bytes | None:
        """The account of that name, in whatever case."""
        name = wanted.casefold()
        if name == "etsc":
            return self.contract
        named = [(account.name, account.address) for account in self.config.accounts]
        named += [(node.name, node.sealer) for node in self.config.nodes if node.sealer is not None]
        named += [(each.name, address) for address, each in self._registered.items()]
        return next((address for text, address in named if words.cleaned(text).casefold() == name), None)

    def _asset_url(self, name: str) -> str:
        digest = hashlib.sha256(self.assets[name][0]).hexdigest()[:12]
        return f"/static/{name}?v={digest}"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        following, problem = self.following, self.settings.problem
        html = self.templates.get_template(template).render(
            config=self.config,
            contract=self.contract,
            consensus=self.config.consensus or following.consensus or "not known yet",
            following=following,
            notices=[*following.notices, *([problem] if problem else [])],
            name_of=self.name_of,
            **context,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def missing(self, kind: str, wanted: str, hint: str = "") -> Response:
        """A page that says what was looked for and not found."""
        return self.page("missing.html.j2", 404, kind=kind, wanted=words.cleaned(wanted, 200), hint=hint)


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
