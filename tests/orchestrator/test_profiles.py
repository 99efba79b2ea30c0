"""A day's load and generation: what the packages' own files say, and what is refused.

What is expected is worked out here from the raw files, by other means than the module's.
"""

from __future__ import annotations

import csv
import datetime
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import demandlib
import pvlib
import pytest

from errors import EnvironmentFault, TestbedError
from market.equilibrium import solve
from market.presets import PRESETS, preset
from orchestrator.profiles import (
    CUSTOMERS,
    SLOTS_PER_DAY,
    Customer,
    DayKind,
    day_profile,
    generation_of_day,
    load_of_day,
    photovoltaic_hours,
    read_load_profiles,
    shipped_file,
    slot_games,
    source_of_day,
)

_LOADS = Path(demandlib.__file__).parent / "bdew" / "bdew_data" / "selp_series.csv"
_SUN = Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"
_SEASONS = {"winter": "12-21", "transition": "04-15", "summer": "06-21"}
_DAYS: dict[DayKind, int] = {"workday": 1, "saturday": 6, "sunday": 7}


def raw_loads(customer: str, season: str, weekday: int) -> list[float]:
    """The file's quarter hours of a day."""
    with _LOADS.open() as file:
        rows = [row for row in csv.DictReader(file) if row["period"] == season]
    return [float(row[customer]) for row in rows if row["weekday"] == str(weekday)]


def raw_sun(month_day: str) -> list[dict[str, float]]:
    """The file's 24 hours of a day."""
    with _SUN.open() as file:
        next(file)
        rows = [
            row
            for row in csv.DictReader(file)
            if row["Date (MM/DD/YYYY)"].startswith(month_day.replace("-", "/"))
        ]
    columns = {"ghi": "GHI (W/m^2)", "dni": "DNI (W/m^2)", "dhi": "DHI (W/m^2)", "air": "Dry-bulb (C)"}
    columns["wind"] = "Wspd (m/s)"
    return [{name: float(row[column]) for name, column in columns.items()} for row in rows]


def _day(month_day: str) -> datetime.date:
    return datetime.date(2001, int(month_day[:2]), int(month_day[3:]))


def textbook_power(month_day: str, day_of_year: int) -> list[float]:
    """kW of an array at 30° facing south under a textbook's sun (Duffie and Beckman, chapter 1): Cooper's
    declination, Spencer's equation of time; isotropic sky; Faiman's cells; 0.4 % lost per kelvin."""
    angle = 2 * math.pi * (day_of_year - 1) / 365
    late_minutes = 229.2 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.04089 * math.sin(2 * angle)
    )
    declination = math.radians(23.45 * math.sin(2 * math.pi * (284 + day_of_year) / 365))
    latitude, tilt = math.radians(36.1), math.radians(30)
    power = []
    for hour, row in enumerate(raw_sun(month_day)):
        # 4 minutes for each degree that the site lies west of its zone's meridian, 75° W.
        solar_hour = hour + 0.5 + (late_minutes - 4 * (79.95 - 75)) / 60
        turned = math.radians(15 * (solar_hour - 12))

        def cosine(slope: float, turned: float = turned) -> float:
            """Of the angle between the sun and a south-facing slope's normal."""
            return math.sin(declination) * math.sin(latitude - slope) + math.cos(declination) * math.cos(
                latitude - slope
            ) * math.cos(turned)

        beam = row["dni"] * max(0.0, cosine(tilt)) if cosine(0) > 0 else 0.0
        diffuse = row["dhi"] * (1 + math.cos(tilt)) / 2 + row["ghi"] * 0.25 * (1 - math.cos(tilt)) / 2
        plane = beam + diffuse
        cells = row["air"] + plane / (25 + 6.84 * row["wind"])
        power.append(plane / 1000 * (1 - 0.004 * (cells - 25)))
    return power


@pytest.mark.parametrize("season", _SEASONS)
@pytest.mark.parametrize("day", _DAYS)
@pytest.mark.parametrize("customer", CUSTOMERS)
def test_an_hour_has_its_part_of_the_raw_days_load(customer: Customer, day: DayKind, season: str) -> None:
    raw = raw_loads(customer, season, _DAYS[day])
    load = load_of_day(_SEASONS[season], 24, customer=customer, day=day)
    for hour in range(24):
        assert load[hour] / 24 == pytest.approx(sum(raw[4 * hour : 4 * hour + 4]) / sum(raw), rel=1e-12)


def test_a_known_day() -> None:
    profile = day_profile("06-21")
    assert profile.load[3] == pytest.approx(0.399643, abs=1e-6)
    assert profile.load[20] == pytest.approx(1.420669, abs=1e-6)
    # Another version of pvlib may place the sun a little elsewhere.
    assert profile.generation[12] == pytest.approx(3.3018, abs=0.003)
    assert profile.generation[16] == pytest.approx(1.8636, abs=0.003)
    assert (profile.date, profile.slots_per_day) == ("06-21", 24)


def test_the_source_says_which_data_and_versions() -> None:
    said = source_of_day("12-21", ["h0", "l0", "h0"], "sunday")
    assert said.startswith(
        f"load: BDEW H0 (households), L0 (farms), winter, sunday (demandlib {version('demandlib')})"
    )
    assert said.endswith(
        f"TMY3 of Greensboro, NC, 12-21, array facing south at 30°, PVWatts DC (pvlib {pvlib.__version__})"
    )
    assert day_profile("12-21", day="sunday").source == source_of_day("12-21", ["h0"], "sunday")


@pytest.mark.parametrize(("date", "day_of_year"), [("06-21", 172), ("12-21", 355), ("03-20", 79)])
def test_generation_follows_a_textbooks_sun(date: str, day_of_year: int) -> None:
    """An hour may differ by a twentieth of the day's mean, at a low sun; the days differ by far more."""
    by_hand = textbook_power(date, day_of_year)
    power = photovoltaic_hours(_SUN, _day(date))
    assert math.fsum(power) == pytest.approx(math.fsum(by_hand), rel=0.01)
    mean = math.fsum(by_hand) / 24
    assert generation_of_day(date, 24) == pytest.approx([each / mean for each in by_hand], abs=0.05)


@pytest.mark.parametrize("date", _SEASONS.values())
def test_it_generates_in_every_hour_with_sun_and_in_none_of_the_night(date: str) -> None:
    generation = generation_of_day(date, 24)
    assert [each > 0 for each in generation] == [row["ghi"] > 0 for row in raw_sun(date)]
    assert generation[0] == generation[1] == generation[23] == 0


@pytest.mark.parametrize("date", ["06-21", "12-21"])
def test_noon_generates_more_than_the_morning_where_no_cloud_comes(date: str) -> None:
    generation = generation_of_day(date, 24)
    assert generation[12] > 2 * generation[8] > 0


def test_summer_has_more_hours_of_generation_than_winter() -> None:
    summer, winter = generation_of_day("06-21", 24), generation_of_day("12-21", 24)
    assert sum(each > 0 for each in summer) >= sum(each > 0 for each in winter) + 3


@pytest.mark.parametrize("slots_per_day", SLOTS_PER_DAY)
def test_any_slots_are_means_of_the_quarter_hours_and_of_mean_1(slots_per_day: int) -> None:
    day, quarter_hours = day_profile("06-21", slots_per_day), day_profile("06-21", 96)
    width = 96 // slots_per_day
    for series, fine in ((day.load, quarter_hours.load), (day.generation, quarter_hours.generation)):
        assert len(series) == slots_per_day
        assert min(series) >= 0
        assert math.fsum(series) / slots_per_day == pytest.approx(1, rel=1e-12)
        means = [math.fsum(fine[first : first + width]) / width for first in range(0, 96, width)]
        assert series == pytest.approx(means, rel=1e-12)


def test_a_quarter_hour_generates_its_hours_mean() -> None:
    hours = generation_of_day("06-21", 24)
    assert generation_of_day("06-21", 96) == pytest.approx([hours[each // 4] for each in range(96)])


@pytest.mark.parametrize(
    ("last", "first", "before", "after"),
    [
        ("03-20", "03-21", "winter", "transition"),
        ("05-14", "05-15", "transition", "summer"),
        ("09-14", "09-15", "summer", "transition"),
        ("10-31", "11-01", "transition", "winter"),
    ],
)
def test_seasons_begin_on_bdews_days(last: str, first: str, before: str, after: str) -> None:
    for date, season in ((last, before), (first, after)):
        assert load_of_day(date, 24, customer="g0", day="saturday") == load_of_day(
            _SEASONS[season], 24, customer="g0", day="saturday"
        )
    assert load_of_day(last, 24, customer="g0", day="saturday") != load_of_day(
        first, 24, customer="g0", day="saturday"
    )


def test_the_same_day_is_the_same_when_it_is_read_anew() -> None:
    profile = day_profile("02-28", 48, customer="l0", day="sunday")
    read_load_profiles.cache_clear()
    assert day_profile("02-28", 48, customer="l0", day="sunday") == profile


def test_days_repeat_from_the_first_slot_on() -> None:
    profile = day_profile("06-21", 4)
    assert [profile.slot_of_day(slot) for slot in (1, 4, 5, 13)] == [0, 3, 0, 0]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_game_in_every_slot_of_every_kind_of_day(name: str) -> None:
    game = preset(name)
    for date in _SEASONS.values():
        for day in _DAYS:
            kinds = [load_of_day(date, 96, customer=customer, day=day) for customer in CUSTOMERS]
            for mix in (kinds, *([kind] for kind in kinds)):
                games = slot_games(game, [mix[index % len(mix)] for index in range(game.prosumers)])
                assert min(each.c for each in games) > game.k


def test_where_all_have_one_load_the_price_follows_its_root() -> None:
    """p* = c/Q and c = √(kθH/η), so that a load of 1.44 makes the price 1.2 times as high."""
    game = preset("interior")
    flat, peak = slot_games(game, [(1.0, 1.44)] * game.prosumers)
    assert flat == game
    assert solve(peak).price == pytest.approx(1.2 * solve(game).price, rel=1e-9)
    assert peak.w[7] == pytest.approx(1.44 * game.w[7], rel=1e-12)


def test_a_slot_in_which_the_model_does_not_hold_is_named() -> None:
    game = preset("interior")
    load = load_of_day("06-21", 24, customer="h0", day="workday")
    with pytest.raises(TestbedError, match=r"03:00 \(slot 4 of 24 of the day\).*c = √\(kθH/η\).*> k = 8"):
        slot_games(game, [(1.0,) * 3 + (0.24,) + load[4:]] * game.prosumers)


@pytest.mark.parametrize("date", ["02-29", "13-01", "6-21", "06-21\n", "2026-06-21", "", 621, None])
def test_a_date_that_the_typical_year_lacks_is_refused(date: Any) -> None:
    with pytest.raises(TestbedError, match=r"date = .* is not allowed.*'06-21'"):
        day_profile(date)


@pytest.mark.parametrize("slots_per_day", [0, -24, 7, 192, 24.0, True, "24", None])
def test_slots_that_do_not_divide_the_quarter_hours_are_refused(slots_per_day: Any) -> None:
    for make in (day_profile, generation_of_day):
        with pytest.raises(TestbedError, match=r"slots_per_day = .* is not allowed.* 24, 32, 48, 96"):
            make("06-21", slots_per_day)


@pytest.mark.parametrize("wrong", [{"customer": "H0"}, {"customer": "g1"}, {"day": "monday"}, {"day": 1}])
def test_an_unknown_customer_or_kind_of_day_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TestbedError, match=f"{next(iter(wrong))} = .* is not allowed: it must be one of"):
        day_profile("06-21", **wrong)


def test_the_files_are_found_in_the_packages() -> None:
    assert shipped_file("demandlib", "bdew", "bdew_data", "selp_series.csv").samefile(_LOADS)
    assert shipped_file("pvlib", "data", "723170TYA.CSV").samefile(_SUN)


@pytest.mark.parametrize("package", ["pvlib", "no_such_package"])
def test_a_package_without_the_data_says_what_to_do(package: str) -> None:
    with pytest.raises(EnvironmentFault, match=f"pip install --force-reinstall {package}"):
        shipped_file(package, "data", "no-such-file.csv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("period,weekday,h0", "period,weekday,H25"),
        ("2007-01-01 00:00:00,summer,1", "2007-01-01 00:00:00,summer,2"),
        ("2007-01-01 00:00:00,summer,1", "2007-01-01 00:00:00,spring,1"),
        ("2007-01-01 00:00:00,summer,1,0.08", "2007-01-01 00:00:00,summer,1,-0.08"),
        ("2007-01-01 00:00:00,summer,1,0.08", "2007-01-01 00:00:00,summer,1,nan"),
    ],
)
def test_loads_in_another_layout_are_refused(tmp_path: Path, old: str, new: str) -> None:
    text = _LOADS.read_text()
    assert old in text
    (tmp_path / "loads.csv").write_text(text.replace(old, new))
    with pytest.raises(EnvironmentFault, match="not laid out as this version knows them"):
        read_load_profiles(tmp_path / "loads.csv")


def test_a_sun_in_another_layout_is_refused(tmp_path: Path) -> None:
    lines = _SUN.read_text().splitlines(keepends=True)
    half = tmp_path / "half.csv"
    half.write_text("".join(lines[:2000]))
    with pytest.raises(EnvironmentFault, match="06-21 has 0 hours"):
        photovoltaic_hours(half, _day("06-21"))
    other = tmp_path / "other.csv"
    other.write_text("".join(lines[1:50]))
    with pytest.raises(EnvironmentFault, match="not laid out as this version knows them"):
        photovoltaic_hours(other, _day("01-01"))
