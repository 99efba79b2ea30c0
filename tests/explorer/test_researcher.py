"""Whatever stands in a campaign's folder, a report is read as it was written or named as damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from explorer import researcher
from market.equilibrium import solve
from market.parameters import Parameters
from tests.explorer.campaign_files import Played, Roster, report_of, write

GAME = Parameters(w=(0.12, 0.1), alpha=(1.0, 3.0), seller=1)
ROSTER = Roster(
    [f"0x{at:040x}" for at in (1, 2)], [f"0x{at:040x}" for at in (3, 4)], [f"0x{at:040x}" for at in (5, 6)]
)
LOADS = ((1.5, 0.5, 1.0), (0.5, 1.5, 1.0))


def whole(**change: Any) -> dict[str, Any]:
    played = [Played([25 * 10**15] * 2, [1000, 2000], [1666, 3333])] * 4
    return report_of(GAME, ROSTER, "0x" + "11" * 32, "0x" + "22" * 20, played, first_slot=7, **change)


def test_a_report_tells_parameters_people_and_each_slots_equilibrium(tmp_path: Path) -> None:
    write(tmp_path, whole(loads=LOADS))
    (report,) = researcher.reports(tmp_path)
    assert researcher.notices(tmp_path) == ()
    assert report.parameters == GAME
    assert report.prosumers == tuple(bytes.fromhex(each[2:]) for each in ROSTER.prosumers)
    assert report.edge_servers == tuple(bytes.fromhex(each[2:]) for each in ROSTER.edge_servers)
    assert report.sealers == tuple(bytes.fromhex(each[2:]) for each in ROSTER.sealers)
    assert (report.first_slot, report.last_slot) == (7, 10)
    # Slot 10 of the chain is the fourth of the campaign, and a day has three.
    for slot, of_day in ((7, 0), (8, 1), (9, 2), (10, 0)):
        w = tuple(each * load[of_day] for each, load in zip(GAME.w, LOADS, strict=True))
        assert report.intentions_in(slot) == w
        best = solve(Parameters(w=w, alpha=GAME.alpha, seller=1))
        assert report.equilibrium_in(slot).demands == pytest.approx(best.demands)


def _without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def remove(report: dict[str, Any]) -> None:
        *above, last = keys
        for key in above:
            report = report[key]
        del report[last]

    return remove


def _with(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    def put(report: dict[str, Any]) -> None:
        *above, last = keys
        for key in above:
            report = report[key]
        report[last] = value

    return put


@pytest.mark.parametrize(
    "damage",
    [
        _without("kind"),
        _with("something else", "kind"),
        _with(2, "version"),
        _without("parameters"),
        _without("parameters", "theta"),
        _with(1.0, "parameters", "zeta"),
        _with(-1.0, "parameters", "eta"),
        _with("0.1", "parameters", "w"),
        _with([0.1], "parameters", "w"),
        _with([0.1, None], "parameters", "w"),
        _with(7, "parameters", "seller"),
        _with([], "participants"),
        _with("0x12", "participants", 2, "address"),
        _with([1.0], "day", "equilibria", 1, "demands"),
        _with([1.0, 2.0, 3.0], "day", "equilibria", 1, "prosumer_utilities"),
        _with(1e300, "day", "equilibria", 0, "price"),
        _with(True, "day", "equilibria", 2, "price"),
        _with([], "day", "equilibria"),
        _with([[1.0] * 3], "day", "loads"),
        _with([[1.0] * 2] * 2, "day", "loads"),
        _with([[1.0, -9.0, 1.0]] * 2, "day", "loads"),
        _with("0xzz", "chain", "genesis_hash"),
        _with(None, "chain"),
        _with(7, "slot_records"),
        _with("7", "first_slot"),
        _with(2**70, "first_slot"),
        _with(None, "slot_records", 0, "prosumer_utilities"),
    ],
)
def test_what_a_report_cannot_be_is_named(tmp_path: Path, damage: Callable[[dict[str, Any]], None]) -> None:
    report = whole(loads=LOADS)
    damage(report)
    write(tmp_path, report)
    assert researcher.reports(tmp_path) == ()
    (notice,) = researcher.notices(tmp_path)
    assert "0001/report.json" in notice


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"kind": NaN}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        json.dumps({"kind": "campaign report", "version": 1}).encode(),
    ],
    ids=range(9),
)
def test_what_is_no_report_at_all_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, whole())
    (tmp_path / "0002").mkdir()
    (tmp_path / "0002" / "report.json").write_bytes(content)
    assert [report.id for report in researcher.reports(tmp_path)] == ["0001"]
    (notice,) = researcher.notices(tmp_path)
    assert "0002/report.json" in notice
