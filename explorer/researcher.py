"""The campaigns' reports on this machine: what the chain does not tell, as nobody there sees another's w.

They are read from the folder that the configuration names, and only there; without one there are none.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from errors import TestbedError
from explorer.index.rows import octets
from market.daily import in_slot
from market.equilibrium import Equilibrium
from market.parameters import Parameters

_KIND, _VERSION = "campaign report", 1
_FILE = "report.json"
_MOST_REPORTS = 200
_ADDRESS_BYTES = 20
_LARGEST = 1e100
_LARGEST_BYTES = 64 * 1024 * 1024

Json = dict[str, Any]
Stamp = tuple[int, int, int]


class Means(NamedTuple):
    """Over slots: ether per elecoin, elecoins of all prosumers together, utilities (a prosumer's mean)."""

    price: float
    demand: float
    server_utility: float
    prosumer_utility: float


class SlotRow(NamedTuple):
    """A slot of the chain as the report has it; complete where every prosumer bought and traded.

    prosumer_utility is the mean of those who bought, None where nobody did.
    """

    slot: int
    complete: bool
    price: float
    demand: float
    server_utility: float
    prosumer_utility: float | None


@dataclass(frozen=True, eq=False)
class Report:
    """One campaign. `played`, `equilibrium` and `simulated` are means over the same complete slots; they are
    None where no slot was complete or the report does not say. `prosumers` are in the order of the w.

    Each reading of a file is one of its own, so what is made of it can be kept as long as it is.
    """

    id: str
    created: str
    policy: str
    consensus: str
    seed: int
    slots: int
    first_slot: int
    start_block: int
    end_block: int
    genesis_hash: bytes
    contract: bytes
    parameters: Parameters
    prosumers: tuple[bytes, ...]
    edge_servers: tuple[bytes, ...]
    """In the order of alpha; that of `sealers`, with which their nodes seal, is the same."""
    sealers: tuple[bytes, ...]
    loads: tuple[tuple[float, ...], ...]
    """Of each prosumer in each slot of a day, what its w is multiplied with; shape (N, slots of a day)."""
    equilibria: tuple[Equilibrium, ...]
    """Of each slot of a day, which repeats; one where every slot is like every other."""
    series: tuple[SlotRow, ...]
    played: Means | None
    equilibrium: Means | None
    simulated: Means | None
    audit_ok: bool
    audit_checked: int
    audit_failed: int
    interrupted: bool
    died: tuple[str, ...]

    @property
    def last_slot(self) -> int:
        return max((row.slot for row in self.series), default=self.first_slot)

    @property
    def complete(self) -> int:
        return sum(row.complete for row in self.series)

    def is_of(self, genesis_hash: bytes | None, contract: bytes | None) -> bool:
        """Whether it was played with this contract on this chain."""
        return (self.genesis_hash, self.contract) == (genesis_hash, contract)

    def equilibrium_in(self, slot: int) -> Equilibrium:
        """That of a slot of the chain which the campaign played."""
        return in_slot(self.equilibria, slot - self.first_slot + 1)

    def intentions_in(self, slot: int) -> tuple[float, ...]:
        """The w of each prosumer in a slot of the chain which the campaign played."""
        played = slot - self.first_slot + 1
        return tuple(w * in_slot(load, played) for w, load in zip(self.parameters.w, self.loads, strict=True))


def reports(folder: Path | None) -> tuple[Report, ...]:
    """Those that can be read, the newest campaign first; read again whenever a file changes."""
    return tuple(found for found in _KEPT.look(folder) if isinstance(found, Report))


def notices(folder: Path | None) -> tuple[str, ...]:
    """What is wrong with those that cannot be read."""
    return tuple(found for found in _KEPT.look(folder) if isinstance(found, str))


class _Kept:
    """What each file said when it was last read; of a damaged one, what is wrong with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[Stamp, Report | str]] = {}

    def look(self, folder: Path | None) -> list[Report | str]:
        if folder is None:
            return []
        try:
            names = sorted((each.name for each in folder.iterdir()), reverse=True)[:_MOST_REPORTS]
        except OSError as error:
            if isinstance(error, FileNotFoundError):  # before the first campaign
                return []
            return [f"The campaigns' reports cannot be read: {error.strerror}."]
        with self._lock:
            seen: dict[Path, tuple[Stamp, Report | str]] = {}
            for path in (folder / name / _FILE for name in names):
                stamp = _stamp(path)
                if stamp is not None:
                    known = self._files.get(path)
                    fresh = known is None or known[0] != stamp
                    seen[path] = (stamp, _read(path)) if fresh or known is None else known
            self._files = seen
            return [found for _, found in seen.values()]


_KEPT = _Kept()


def _stamp(path: Path) -> Stamp | None:
    """None where a campaign has no report (yet)."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> Report | str:
    place = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return f"The report {place} is too large to be shown."
        content = json.loads(path.read_bytes(), parse_constant=_no_number)
        return _report(content)
    except OSError as error:
        return f"The report {place} cannot be read: {error.strerror}."
    except TestbedError as error:
        return f"The report {place} has a game that there cannot be: {error.what}."
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        return f"The report {place} is damaged ({type(error).__name__}: {error})."


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON's")


def _report(content: Json) -> Report:
    """Raises one of what _read catches where a key is missing or is not what it must be."""
    if content["kind"] != _KIND or content["version"] != _VERSION:
        raise ValueError(f"it is no {_KIND} of version {_VERSION}")
    day, audit = content.get("day"), content["audit"]
    equilibria = tuple(map(_equilibrium, [content["equilibrium"]] if day is None else day["equilibria"]))
    parameters = _parameters(content["parameters"])
    participants = content["participants"]
    told = [[1.0]] * parameters.prosumers if day is None else day["loads"]
    loads = [tuple(map(_number, load)) for load in told]
    if not equilibria or any(load < 0 for some in loads for load in some):
        raise ValueError("its day has no slot, or a load below 0")
    shapes = {
        len(values) for each in equilibria for values in (each.demands, each.prices, each.prosumer_utilities)
    }
    prosumers = _addresses(participants, "prosumer")
    if shapes | {len(prosumers), len(loads)} != {parameters.prosumers} or any(
        len(load) != len(equilibria) for load in loads
    ):
        raise ValueError("its prosumers are not as many everywhere")
    edge_servers = _addresses(participants, "edge server")
    if parameters.seller >= len(edge_servers):
        raise ValueError("it names no edge server that sells")
    records = content["slot_records"]
    complete = [record for record in records if record["complete"] is True]
    series, first_slot = tuple(_row(record) for record in records), _whole(content["first_slot"])
    if any(row.slot < first_slot for row in series):
        raise ValueError("it has a slot before its first")
    same_slots = [in_slot(equilibria, record["slot"]) for record in complete]
    return Report(
        id=_text(content["id"]),
        created=_text(content["created"]),
        policy=_text(content["policy"]),
        consensus=_text(content["consensus"]),
        seed=_whole(content["seed"]),
        slots=_whole(content["slots"]),
        first_slot=first_slot,
        start_block=_whole(content["start_block"]),
        end_block=_whole(content["end_block"]),
        genesis_hash=octets(content["chain"]["genesis_hash"]),
        contract=octets(content["chain"]["contract"]),
        parameters=parameters,
        prosumers=prosumers,
        edge_servers=edge_servers,
        sealers=_addresses(participants, "sealer"),
        loads=tuple(loads),
        equilibria=equilibria,
        series=series,
        played=_means(
            (row.price, row.demand, row.server_utility, row.prosumer_utility)
            for row in series
            if row.complete
        ),
        equilibrium=_means(
            (each.price, math.fsum(each.demands), each.server_utility, each.mean_prosumer_utility)
            for each in same_slots
        ),
        simulated=_simulated(content.get("simulation")),
        audit_ok=audit["ok"] is True,
        audit_checked=_whole(audit["checked"]),
        audit_failed=_whole(audit["failed"]),
        interrupted=content["interrupted"] is True,
        died=tuple(_text(each["name"]) for each in content["died"]),
    )


def _parameters(found: Json) -> Parameters:
    """All of them: what is missing is not what the paper has there."""
    if missing := {field.name for field in fields(Parameters)} - found.keys():
        raise KeyError(f"parameters lack {', '.join(sorted(missing))}")
    return Parameters(**found)


def _addresses(participants: Sequence[Json], role: str) -> tuple[bytes, ...]:
    found = tuple(octets(each["address"]) for each in participants if each["role"] == role)
    if any(len(address) != _ADDRESS_BYTES for address in found):
        raise ValueError(f"the address of a {role} is none")
    return found


def _equilibrium(found: Json) -> Equilibrium:
    return Equilibrium(
        price=_number(found["price"]),
        prices=tuple(map(_number, found["prices"])),
        demands=tuple(map(_number, found["demands"])),
        server_utility=_number(found["server_utility"]),
        prosumer_utilities=tuple(map(_number, found["prosumer_utilities"])),
        binding=tuple(map(_text, found["binding"])),
    )


def _row(record: Json) -> SlotRow:
    utilities = [_number(each) for each in record["prosumer_utilities"] if each is not None]
    return SlotRow(
        slot=_whole(record["chain_slot"]),
        complete=record["complete"] is True,
        price=_number(record["price"]),
        demand=math.fsum(_number(each) for each in record["x"] if each is not None),
        server_utility=_number(record["server_utility"]),
        prosumer_utility=_mean(utilities) if utilities else None,
    )


def _simulated(found: Json | None) -> Means | None:
    """A report may be older than simulations, or have no complete slot."""
    if found is None:
        return None
    return Means(
        price=_number(found["price"]),
        demand=math.fsum(map(_number, found["demands"])),
        server_utility=_number(found["server_utility"]),
        prosumer_utility=_mean(list(map(_number, found["prosumer_utilities"]))),
    )


def _means(rows: Iterable[Sequence[float | None]]) -> Means | None:
    columns = list(zip(*rows, strict=True))
    return Means(*(_mean(list(map(_number, column))) for column in columns)) if columns else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r:.60} is no number")
    if not abs(value) < _LARGEST:  # what is added up then stays a number
        raise ValueError(f"{value!r:.60} is beyond what can be")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(f"{value!r:.60} is no whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is no text")
    return value
