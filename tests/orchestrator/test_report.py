"""A campaign's report tells what was played, nothing more, and can be read back."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from contracts.audit import Audit, Check
from errors import EnvironmentFault, TestbedError
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.presets import preset
from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_elecoins, mE_to_Wh, price_to_wei_per_mE
from market.utilities import prosumer_utility, server_utility
from orchestrator.report import load_report, write_report
from orchestrator.report_text import report_text

Choose = Callable[[int], tuple[float, list[float | None]]]
_FILES = {"report.json", "report.md", "report.png", "report.svg"}
_HOLDS = Check("elecoins", "all", "total", 1_200_000, 1_200_000)


def at_equilibrium(game: Parameters) -> Choose:
    best = solve(game)
    return lambda slot: (best.price, list(best.demands))


def at_random(game: Parameters) -> Choose:
    def choose(slot: int) -> tuple[float, list[float | None]]:
        draw = random.Random(slot)
        return draw.uniform(game.p_min, game.p_max), [draw.uniform(game.x_min, game.x_max) for _ in game.w]

    return choose


def report_of(
    slots: int,
    choose: Choose | None = None,
    *,
    planned: int | None = None,
    game: Parameters | None = None,
    checks: tuple[Check, ...] = (_HOLDS,),
    **change: Any,
) -> dict[str, Any]:
    """A report as the campaign assembles it, of slots in which all chose as `choose` says."""
    game = game or Parameters()
    best = solve(game)
    records = [_record(game, slot, *(choose or at_equilibrium(game))(slot)) for slot in range(1, slots + 1)]
    complete = sum(record["complete"] for record in records)
    return {
        "kind": "campaign report",
        "version": 1,
        "id": "0001",
        "testbed": "default",
        "created": "2026-01-02T03:04:05Z",
        "engine": "process",
        "consensus": "clique",
        "policy": "equilibrium",
        "seed": 1,
        "slots": planned or max(slots, 1),
        "slots_played": slots,
        "first_slot": 1,
        "start_block": 5,
        "end_block": 5 + 2 * slots,
        "end_block_hash": "0x" + "ab" * 32,
        "configuration": {"campaign": {"slots": slots}},
        "chain": {"chain_id": 4242, "genesis_hash": "0x" + "cd" * 32, "contract": "0x" + "ef" * 20},
        "versions": {"testbed": "0.1.0", "commit": None, "geth": "1.11.6", "python": "3.11.7"},
        "parameters": asdict(game),
        "participants": [
            {"name": "edge-server-1", "role": "edge-server", "address": "0x" + "00" * 20},
            *(
                {"name": f"prosumer-{i + 1}", "role": "prosumer", "address": f"0x{i + 1:040x}"}
                for i in range(game.prosumers)
            ),
            {"name": "retailer-1", "role": "retailer", "address": "0x" + "11" * 20},
        ],
        "equilibrium": asdict(best),
        "slot_records": records,
        "redemptions": [],
        "totals": {
            "purchases": game.prosumers * complete,
            "trades": game.prosumers * complete,
            "redeemed_elecoins": 0.0,
            "redeemed_ether": 0.0,
            "blocks": 2 * slots + 1,
            "slots_complete": complete,
            "slots_per_two_blocks": complete / slots if slots else None,
            "fees_ether": 0.00123,
        },
        "mining": {
            "blocks": {"edge-server-1": 11, "edge-server-2": 9},
            "shares": {"edge-server-1": 0.55, "edge-server-2": 0.45},
            "expected_shares": {"edge-server-1": 0.31, "edge-server-2": 0.69},
            "U_m": mining_utility(game),
        },
        "died": [],
        "notes": [],
        "interrupted": False,
        "audit": Audit(
            5 + 2 * slots, "0x" + "ab" * 32, checks, {"elecoins_mE": 1_200_000, "failed_transactions": 0}
        ).to_json(),
        **change,
    }


def _record(g: Parameters, slot: int, price: float, demands: list[float | None]) -> dict[str, Any]:
    Q = Q_to_mE_per_kWh(g.Q)
    x_mE = [None if x is None else elecoins_to_mE(x) for x in demands]
    x = [None if mE is None else mE_to_elecoins(mE) for mE in x_mE]
    settled = [value for value in x if value is not None]
    return {
        "slot": slot,
        "chain_slot": slot,
        "opened_at_block": 5 + 2 * slot,
        "opened_by": "edge-server-1",
        "price": price,
        "price_wei_per_mE": price_to_wei_per_mE(price),
        "x": x,
        "x_mE": x_mE,
        "y_Wh": [0 if mE is None else mE_to_Wh(mE, Q) for mE in x_mE],
        "server_utility": server_utility(
            settled, [price] * len(settled), k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g)
        ),
        "prosumer_utilities": [
            None if value is None else prosumer_utility(value, price, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
            for value, w in zip(x, g.w, strict=True)
        ],
        "complete": None not in x,
    }


def with_a_death(slot_of_death: int) -> Choose:
    best = solve(Parameters())

    def choose(slot: int) -> tuple[float, list[float | None]]:
        demands: list[float | None] = list(best.demands)
        if slot >= slot_of_death:
            demands[2] = None
        return best.price, demands

    return choose


def test_a_report_is_four_whole_files(tmp_path: Path) -> None:
    report = report_of(3)
    write_report(report, tmp_path / "campaigns" / "0001")
    written = {path.name: path.read_bytes() for path in (tmp_path / "campaigns" / "0001").iterdir()}
    assert written.keys() == _FILES
    assert written["report.png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert written["report.svg"].rstrip().endswith(b"</svg>")
    assert json.loads(written["report.json"]) == json.loads(json.dumps(report))
    assert written["report.md"].decode() == report_text(report)


def test_the_same_campaign_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(report_of(3, at_random(Parameters())), tmp_path / name)
    for name in _FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("slots", "prosumers"), [(0, 8), (1, 1), (1, 13), (0, 13), (40, 12), (2500, 2), (3, 200)]
)
def test_a_report_is_written_for_any_number_of_slots_and_prosumers(
    slots: int, prosumers: int, tmp_path: Path
) -> None:
    game = preset("interior", prosumers)
    write_report(report_of(slots, game=game), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == _FILES


@pytest.mark.parametrize("prosumers", [2, 13])
def test_a_report_is_written_where_nobody_ever_acted(prosumers: int, tmp_path: Path) -> None:
    def nobody(slot: int) -> tuple[float, list[float | None]]:
        return 20.0, [None] * prosumers

    write_report(report_of(4, nobody, game=preset("interior", prosumers)), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "No slot was complete" in text
    assert f"| no, {prosumers} did not act |" in text


def test_a_picture_shows_both_data_and_equilibrium_where_they_coincide(tmp_path: Path) -> None:
    from matplotlib.image import imread

    for slots in (10, 500):
        write_report(report_of(slots), tmp_path)
        picture = (imread(tmp_path / "report.png")[:, :, :3] * 255).round().astype(int)
        panels = picture[picture.shape[0] // 10 :]  # below the legend, which has both anyway
        for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
            assert (abs(panels - colour).max(axis=2) <= 8).sum() > 500, (slots, colour)


def test_the_text_sets_means_beside_the_equilibrium_with_the_deviation() -> None:
    game = Parameters()
    best = solve(game)
    text = report_text(
        report_of(4, lambda slot: (best.price * (1.25 if slot % 2 else 1.0), list(best.demands)))
    )
    assert _row(text, "price, ether per elecoin") == [
        f"{best.price * 1.125:.4f}", f"{best.price:.4f}", "+12.500 %",
    ]  # fmt: skip
    assert _row(text, "Σx, elecoins per slot")[1] == f"{sum(best.demands):.4f}"
    assert _row(text, "mean prosumer utility")[2].startswith("-")
    assert _row(text, "prosumer-8")[1] == f"{best.demands[7]:.4f}"
    assert "without gas: all fees together were 0.00123 ether" in text


def test_at_equilibrium_nothing_deviates_by_more_than_the_rounding_to_integers() -> None:
    text = report_text(report_of(10))
    for quantity in ("price, ether per elecoin", "Σx, elecoins per slot", "server utility"):
        assert abs(float(_row(text, quantity)[2].removesuffix(" %"))) <= 0.01
    assert "-0.000" not in text


def test_means_leave_out_slots_that_are_not_complete() -> None:
    whole, broken = report_text(report_of(4)), report_text(report_of(12, with_a_death(5)))
    assert "Means over the 4 complete slots of 12 that were played" in broken
    for quantity in ("Σx, elecoins per slot", "server utility", "mean prosumer utility", "prosumer-3"):
        assert _row(broken, quantity) == _row(whole, quantity)


def test_every_slot_has_a_row_and_a_slot_without_all_prosumers_says_so() -> None:
    report = report_of(12, with_a_death(5))
    text = report_text(report)
    sums = [sum(x for x in record["x"] if x is not None) for record in report["slot_records"]]
    energy = [sum(record["y_Wh"]) / 1000 for record in report["slot_records"]]
    for slot in range(1, 13):
        row = _row(text, str(slot))
        assert row[1:3] == [f"{sums[slot - 1]:.4f}", f"{energy[slot - 1]:.3f}"]
        assert row[-1] == ("yes" if slot < 5 else "no, 1 did not act")


def test_a_campaign_without_a_slot_says_so_and_divides_by_nothing() -> None:
    text = report_text(report_of(0, planned=10, interrupted=True))
    assert "**No slot was played**" in text
    assert "**Interrupted** after 0 of 10 slots." in text
    assert _row(text, "slots per two blocks") == ["–"]
    assert _row(text, "server utility") == ["–", f"{solve(Parameters()).server_utility:.4f}", "–"]


def test_an_equilibrium_of_zero_has_no_deviation() -> None:
    report = report_of(2)
    report["equilibrium"]["server_utility"] = 0.0
    assert _row(report_text(report), "server utility")[1:] == ["0.0000", "–"]


def test_redemptions_are_summed_by_who_and_where_and_touch_no_utility() -> None:
    def row(slot: int, user: str, elecoins_mE: int) -> dict[str, Any]:
        return {
            "slot": slot,
            "user": user,
            "edge_server": "edge-server-1",
            "amount_mE": elecoins_mE,
            "paid_wei": str(elecoins_mE * 10**16),
        }

    rows = [row(2, "retailer-1", 1500), row(2, "prosumer-2", 7), row(3, "retailer-1", 500)]
    without, text = report_text(report_of(3)), report_text(report_of(3, redemptions=rows))
    assert "Nobody sold elecoins back" in without
    assert _row(text, "retailer-1") == ["edge-server-1", "2", "2.000", "20.000000"]
    assert _row(text, "all") == ["", "3", "2.007", "20.070000"]
    assert text.index("| prosumer-2 | edge-server-1") < text.index("| retailer-1 | edge-server-1")
    assert "is in none of them" in text
    for quantity in ("server utility", "mean prosumer utility"):
        assert _row(text, quantity) == _row(without, quantity)


def test_a_report_from_before_there_were_redemptions_is_told_all_the_same() -> None:
    report = report_of(2)
    del report["redemptions"]
    assert "This report does not say." in report_text(report)


def test_what_died_and_what_was_noted_is_named_whatever_it_is_called() -> None:
    died = [{"name": "prosumer-3", "what": "exited (137)\n| killed", "slot": 4}]
    text = report_text(report_of(5, died=died, notes=["no bot was left\nafter slot 5"]))
    assert "| prosumer-3 | exited (137) \\| killed | 4 |" in text
    assert "- no bot was left after slot 5" in text
    assert "Nothing: every node" not in text
    assert "Nothing: every node" in report_text(report_of(5))


def test_the_audit_is_told_with_its_counts_and_every_failing_check_in_full() -> None:
    wrong = Check("ether", "0x" + "12" * 20, "balance", 10**18, 10**18 - 7)
    sound, unsound = report_text(report_of(2)), report_text(report_of(2, checks=(_HOLDS, wrong)))
    assert "The books balance: 1 comparisons, none failed." in sound
    assert "What failed" not in sound
    assert "THE BOOKS DO NOT BALANCE: 1 of 2 comparisons failed." in unsound
    assert _row(unsound, "elecoins") == ["1", "0"]
    assert f"| ether | `{wrong.account}` | balance | {10**18} | {10**18 - 7} | -7 |" in unsound


def test_a_failing_check_of_what_is_no_number_has_no_difference() -> None:
    wrong = Check("registry", "0x" + "12" * 20, "name", "prosumer-1", "a|b\n| c")
    text = report_text(report_of(2, checks=(_HOLDS, wrong)))
    assert f"| registry | `{wrong.account}` | name | prosumer-1 | a\\|b \\| c | – |" in text


def test_electricity_that_did_not_arrive_is_told() -> None:
    report = report_of(3)
    assert "less electricity arrived" not in report_text(report)
    report["slot_records"][1]["y_Wh"][0] -= 1
    assert "In 1 of 24 purchases less electricity arrived" in report_text(report)


def test_blocks_stand_beside_computing_share_how_to_repeat_and_versions() -> None:
    text = report_text(report_of(2))
    assert _row(text, "edge-server-1") == ["11", "55.0 %", "31.0 %"]
    assert "sealers take turns" in text
    assert "sealers take turns" not in report_text(report_of(2, consensus="pow"))
    assert "testbed campaign run --from report.json" in text
    assert _row(text, "geth") == ["`1.11.6`"]
    assert _row(text, "commit") == ["unknown"]


def test_a_long_campaign_names_the_slots_that_its_table_leaves_out() -> None:
    text = report_text(report_of(1003))
    assert "These are the first 1000 of 1003 slots; report.json has them all." in text
    assert "Means over the 1003 complete slots" in text


def test_a_written_report_is_read_back(tmp_path: Path) -> None:
    report = report_of(12, with_a_death(5))
    write_report(report, tmp_path)
    assert load_report(tmp_path / "report.json") == json.loads(json.dumps(report))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ('{"kind": "campaign rep', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not a campaign report"),
        ('{"kind": "bench"}', "not a campaign report"),
        ('{"kind": "campaign report", "version": 2}', "version 2"),
        ('{"kind": "campaign report", "version": 1}', "lacks id, testbed"),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_name(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    _is_refused(path, words)


def test_a_report_that_is_missing_or_a_directory_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    _is_refused(tmp_path / "report.json", "no such file")
    _is_refused(tmp_path, "cannot be read")
    (tmp_path / "report.json").write_bytes(b"\xff\xfe\x00")
    _is_refused(tmp_path / "report.json", "no JSON")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda report: report.pop("parameters"), "lacks parameters"),
        (lambda report: report.update(slots="10"), "slots is '10'"),
        (lambda report: report.update(seed=True), "seed is True"),
        (lambda report: report["slot_records"].append(7), "slot_records[2] is int"),
        (lambda report: report["slot_records"][1].pop("x_mE"), "lacks slot_records[1].x_mE"),
        (lambda report: report["slot_records"][1].update(price=None), "slot_records[1].price is None"),
    ],
)
def test_an_edited_report_is_refused_by_key(
    change: Callable[[dict[str, Any]], object], words: str, tmp_path: Path
) -> None:
    report = copy.deepcopy(report_of(2))
    change(report)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    _is_refused(path, words)


def test_a_directory_that_cannot_be_written_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault) as caught:
        write_report(report_of(1), tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def _is_refused(path: Path, words: str) -> None:
    with pytest.raises(TestbedError) as caught:
        load_report(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def _row(text: str, first: str) -> list[str]:
    """The cells behind `first` in the first table row that begins with it."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]
