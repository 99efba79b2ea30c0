"""/docs: what programs can ask, each with an example that works on this chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries
from explorer.api import proxy
from explorer.api.etherscan import MODULES
from explorer.api.rest import rest_of
from explorer.site import Site, site_of
from explorer.words import hexed

_SENDING = "eth_sendRawTransaction"
_SOME_TOPIC = "0x" + 64 * "0"


@dataclass(frozen=True)
class Asking:
    """One thing that can be asked; `link` is None where a browser should not ask it by a click."""

    name: str
    says: str
    example: str
    besides: str = ""

    @property
    def link(self) -> str | None:
        return None if _SENDING in self.example else self.example


def docs(request: Request) -> Response:
    site = site_of(request)
    values = _values(site)
    modules = {
        module: [
            Asking(name, action.says, _query(module, name, action.example.format(**values)), action.besides)
            for name, action in actions.items()
        ]
        for module, actions in MODULES.items()
    }
    modules["proxy"] = [
        Asking(name, _takes(name), _query("proxy", name, _proxied(name, values))) for name in proxy.METHODS
    ]
    paths: dict[str, Any] = rest_of(request).made().openapi()["paths"]
    in_path = {"block": values["block"], "hash": values["tx"], "address": values["account"]}
    resources = [
        Asking(f"/rest{path}", ways["get"]["summary"], f"/rest{path.format(**in_path)}")
        for path, ways in paths.items()
    ]
    return site.page("docs.html.j2", modules=modules, resources=resources)


def _query(module: str, action: str, parameters: str) -> str:
    return f"/api?module={module}&action={action}" + (f"&{parameters}" if parameters else "")


def _proxied(method: str, values: dict[str, str]) -> str:
    """Examples of the parameters that have to be there, and of a call that reads."""
    examples = {
        "address": values["account"],
        "txhash": values["tx"],
        "hex": "0x…",
        "tag": "latest",
        "to": values["contract"],
        "data": "0x",
        "index": "0x0",
        "position": "0x0",
        "boolean": "false",
    }
    wanted = [parameter.name for parameter in proxy.METHODS[method] if parameter.name in examples]
    return "&".join(f"{name}={examples[name]}" for name in wanted)


def _takes(method: str) -> str:
    """The parameters; in brackets those that may be left out."""
    parameters = proxy.METHODS[method]
    return ", ".join(each.name if each.default is ... else f"[{each.name}]" for each in parameters)


def _values(site: Site) -> dict[str, str]:
    """What the examples name: the newest block, its sealer, the newest transaction, its sender, ETSC."""
    with site.readers.reading() as index:
        tip = queries.tip(index)
        newest = queries.latest_transactions(index, 1)
    transaction = newest[0] if newest else None
    account = hexed(bytes(20) if transaction is None else transaction["sender"])
    return {
        "block": "0" if tip is None else str(tip["number"]),
        "time": "0" if tip is None else str(tip["timestamp"]),
        "sealer": hexed((tip["sealer"] if tip is not None else None) or bytes(20)),
        "tx": hexed(bytes(32) if transaction is None else transaction["hash"]),
        "account": account,
        "contract": hexed(site.contract) or account,
        "topic": _purchased() if site.contract is not None else _SOME_TOPIC,
    }


def _purchased() -> str:
    from contracts.events import topic_of

    return topic_of("Purchased")
