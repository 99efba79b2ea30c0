"""What all pages share: the templates, the names of the accounts, and the one way to make a page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from explorer import words
from explorer.config import Config, Settings
from explorer.database import Database
from explorer.nodes import Watches
from explorer.rows import octets
from explorer.state import State

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Named:
    """What an address is called; the name is somebody else's text, cleaned but not escaped."""

    name: str
    role: str


def name_of(config: Config, address: bytes | None) -> Named | None:
    if address is None:
        return None
    if address == config.contract:
        return Named("ETSC", "contract")
    if (account := config.by_address.get(address)) is not None:
        return Named(words.cleaned(account.name), words.cleaned(account.role))
    if (node := config.by_sealer.get(address)) is not None:
        return Named(words.cleaned(node.name), "sealer")
    return None


@dataclass
class Site:
    """One explorer: its parts, as the pages find them in `request.app.state.site`."""

    settings: Settings
    database: Database
    state: State
    watches: Watches
    assets: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    templates: jinja2.Environment = field(init=False)

    def __post_init__(self) -> None:
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

    def _asset_url(self, name: str) -> str:
        digest = hashlib.sha256(self.assets[name][0]).hexdigest()[:12]
        return f"/static/{name}?v={digest}"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        config = self.settings.current
        html = self.templates.get_template(template).render(
            config=config,
            following=self.state.following,
            notices=[*self.database.notices, *([self.settings.problem] if self.settings.problem else [])],
            name_of=lambda address: name_of(config, address),
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
