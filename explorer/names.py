"""What addresses are called: by the configuration, else by whoever registered them in ETSC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from explorer import words
from explorer.config import Config

_KEPT = 10_000


@dataclass(frozen=True)
class Named:
    """What an address is called; the name is somebody else's text, cleaned but not escaped."""

    name: str
    role: str


@dataclass
class Names:
    """The names as they stand now; what is worked out from them is kept as long as they are."""

    config: Config
    contract: bytes | None
    registered: Mapping[bytes, Named]
    kept: dict[tuple[object, ...], str] = field(default_factory=dict)
    _known: dict[bytes, Named] = field(default_factory=dict)

    def of(self, address: bytes) -> Named | None:
        if (known := self._known.get(address)) is not None:
            return known
        named = self._look_up(address)
        if named is not None:
            self._known[address] = named
        return named

    def keep(self, key: tuple[object, ...], text: str) -> None:
        if len(self.kept) > _KEPT:
            self.kept.clear()
        self.kept[key] = text

    def _look_up(self, address: bytes) -> Named | None:
        if address == self.contract:
            return Named("ETSC", "contract")
        if (account := self.config.by_address.get(address)) is not None:
            return Named(words.cleaned(account.name), words.cleaned(account.role))
        if (node := self.config.by_sealer.get(address)) is not None:
            return Named(words.cleaned(node.name), "sealer")
        registered = self.registered.get(address)
        return registered if registered is None or registered.name else Named(registered.role, "")

    def all(self) -> Iterator[tuple[str, bytes]]:
        """Every name that an address is known by; an address may have several, and a name several."""
        if self.contract is not None:
            yield "ETSC", self.contract
        for account in self.config.accounts:
            yield words.cleaned(account.name), account.address
        for node in self.config.nodes:
            if node.sealer is not None:
                yield words.cleaned(node.name), node.sealer
        for address, named in self.registered.items():
            if named.name:
                yield named.name, address
