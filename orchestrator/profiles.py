"""A day of load and generation in slots, from data that ship inside the packages demandlib and pvlib.

Load: BDEW's standard load profiles of 1999, quarter hours by season and kind of day. Generation: a
photovoltaic array under the typical year (TMY3) of Greensboro, North Carolina, hour by hour. So a German
customer meets an American sun: these are the series that need no network. Each keeps the clock of its source.
Only shapes are taken: both have a mean of 1 over the day, so that a dark day generates as much as a bright
one, at other hours. BDEW's dynamisation of H0 is a factor of the whole day, and cancels out.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date as calendar_date
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

from errors import EnvironmentFault, TestbedError
from market.daily import slot_of_day
from market.parameters import Parameters, refused

Customer = Literal["h0", "g0", "l0"]
CUSTOMERS: Mapping[Customer, str] = {"h0": "households", "g0": "businesses", "l0": "farms"}
DayKind = Literal["workday", "saturday", "sunday"]
Series = tuple[float, ...]

QUARTER_HOURS = 96
SLOTS_PER_DAY = tuple(slots for slots in range(1, QUARTER_HOURS + 1) if QUARTER_HOURS % slots == 0)

_LOAD_FILE = ("demandlib", "bdew", "bdew_data", "selp_series.csv")
_SUN_FILE = ("pvlib", "data", "723170TYA.CSV")
# The typical year has 365 days, its months are of different years: any that is no leap year stands for it.
_YEAR = 2001
# The file's weekdays count from Monday; Monday to Friday are equal in it. Holidays are Sundays.
_WEEKDAY: Mapping[DayKind, int] = {"workday": 1, "saturday": 6, "sunday": 7}

# A plain array on open ground, facing south: tilt near the best for its latitude, grass around it.
_TILT_DEGREES = 30.0
_SOUTH_DEGREES = 180.0
_ALBEDO = 0.25
_LOSS_PER_KELVIN = -0.004


@dataclass(frozen=True)
class DayProfile:
    """One day in `slots_per_day` slots of equal length, the first of which begins at midnight.

    `load` and `generation` have shape (slots_per_day,), a mean of 1 and no negative value. `date` is MM-DD,
    `source` says in a line which data they are and how they were made.
    """

    load: Series
    generation: Series
    date: str
    slots_per_day: int
    source: str

    def slot_of_day(self, slot: int) -> int:
        """The index into load and generation for a slot of a campaign: 1 is a day's first, days repeat."""
        return slot_of_day(slot, self.slots_per_day)


def day_profile(
    date: str, slots_per_day: int = 24, *, customer: Customer = "h0", day: DayKind = "workday"
) -> DayProfile:
    """The day `date` (MM-DD) of a customer and of the sun.

    Raises TestbedError for an argument out of its bounds, EnvironmentFault where a package lacks its data.
    """
    load = load_of_day(date, slots_per_day, customer=customer, day=day)
    generation = generation_of_day(date, slots_per_day)
    return DayProfile(load, generation, date, slots_per_day, source_of_day(date, [customer], day))


def source_of_day(date: str, customers: Sequence[Customer], day: DayKind) -> str:
    """What the data of a day are and how they were made, in a line. Raises TestbedError for a bad date."""
    kinds = ", ".join(f"{each.upper()} ({CUSTOMERS[each]})" for each in dict.fromkeys(customers))
    return (
        f"load: BDEW {kinds}, {_season(_read_date(date))}, {day} (demandlib {metadata.version('demandlib')});"
        f" generation: TMY3 of Greensboro, NC, {date}, array facing south at {_TILT_DEGREES:.0f}°, PVWatts DC"
        f" (pvlib {metadata.version('pvlib')})"
    )


def load_of_day(date: str, slots_per_day: int, *, customer: Customer, day: DayKind) -> Series:
    """The standard load profile in slots, mean 1, shape (slots_per_day,). Quick: it imports nothing heavy.

    Raises TestbedError for an argument out of its bounds, EnvironmentFault where demandlib lacks the file.
    """
    month_day = _read_date(date)
    _demand_one_of("customer", customer, get_args(Customer))
    _demand_one_of("day", day, get_args(DayKind))
    profiles = read_load_profiles(shipped_file(*_LOAD_FILE))
    return _in_slots(profiles[customer, _season(month_day), _WEEKDAY[day]], slots_per_day)


def generation_of_day(date: str, slots_per_day: int) -> Series:
    """Direct current of a photovoltaic array in slots, mean 1, shape (slots_per_day,).

    Where slots are shorter than the hours of the data, each has its hour's mean. Raises TestbedError for an
    argument out of its bounds, EnvironmentFault where pvlib lacks the file.
    """
    month_day = _read_date(date)
    # Refuse a bad number before pvlib takes its second to import.
    _demand_one_of("slots_per_day", slots_per_day, SLOTS_PER_DAY)
    hours = photovoltaic_hours(shipped_file(*_SUN_FILE), month_day)
    return _in_slots([hour for hour in hours for _ in range(4)], slots_per_day)


def slot_games(game: Parameters, loads: Sequence[Series]) -> tuple[Parameters, ...]:
    """The game of each slot of a day, where prosumer i's intention is w_i · load_i; loads has shape
    (N, slots_per_day).

    Raises TestbedError, naming the slot, where the model does not hold in one of them: c must be above k.
    """
    games = []
    for slot, slot_loads in enumerate(zip(*loads, strict=True)):
        w = tuple(each * load for each, load in zip(game.w, slot_loads, strict=True))
        try:
            games.append(replace(game, w=w))
        except TestbedError as error:
            minutes = slot * 24 * 60 // len(loads[0])
            raise TestbedError(
                f"the loads of {minutes // 60:02}:{minutes % 60:02} (slot {slot + 1} of {len(loads[0])} of"
                f" the day) leave no game: {error.what}",
                fix="Larger theta or w, or a smaller k, make it hold all day.",
            ) from error
    return tuple(games)


def shipped_file(package: str, *parts: str) -> Path:
    """A data file inside an installed package, which is not imported. Raises EnvironmentFault without it."""
    spec = importlib.util.find_spec(package)
    fix = f"`pip install --force-reinstall {package}` puts it there."
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentFault(f"the package {package}, whose data profiles are made of, is missing", fix=fix)
    path = Path(spec.submodule_search_locations[0], *parts)
    if not path.is_file():
        raise EnvironmentFault(
            f"the package {package} lacks the data that profiles are made of", where=str(path), fix=fix
        )
    return path


@cache
def read_load_profiles(path: Path) -> Mapping[tuple[Customer, str, int], Series]:
    """The quarter hours, shape (96,), of each customer, season and weekday (1 is Monday) in demandlib's file.

    Raises EnvironmentFault where it is laid out in another way.
    """
    found: dict[tuple[Customer, str, int], list[float]] = {
        (customer, season, weekday): []
        for customer in CUSTOMERS
        for season in ("winter", "transition", "summer")
        for weekday in range(1, 8)
    }
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for customer in CUSTOMERS:
                    found[customer, row["period"], int(row["weekday"])].append(float(row[customer]))
    except (KeyError, TypeError, ValueError) as error:
        raise _strange(path, repr(error)) from error
    for key, values in found.items():
        if len(values) != QUARTER_HOURS or not all(0 < value < math.inf for value in values):
            raise _strange(path, f"{key} has not {QUARTER_HOURS} loads above 0")
    return {key: tuple(values) for key, values in found.items()}


def photovoltaic_hours(path: Path, day: calendar_date) -> Series:
    """Direct current per installed kW in the 24 hours of a day of a TMY3 file, kW, shape (24,).

    The sun stands where it does in the middle of the hour; isotropic sky, Faiman's cell temperature, PVWatts.
    Raises EnvironmentFault where the file is laid out in another way.
    """
    from pvlib import irradiance, pvsystem, solarposition, temperature

    year, site = _typical_year(path)
    hours = year[(year.index.month == day.month) & (year.index.day == day.day)]
    if len(hours) != 24:
        raise _strange(path, f"{day:%m-%d} has {len(hours)} hours")
    sun = solarposition.get_solarposition(hours.index, site["latitude"], site["longitude"], site["altitude"])
    plane = irradiance.get_total_irradiance(
        _TILT_DEGREES,
        _SOUTH_DEGREES,
        sun["apparent_zenith"],
        sun["azimuth"],
        hours["dni"],
        hours["ghi"],
        hours["dhi"],
        albedo=_ALBEDO,
        model="isotropic",
    )["poa_global"]
    cells = temperature.faiman(plane, hours["temp_air"], hours["wind_speed"])
    power = tuple(float(value) for value in pvsystem.pvwatts_dc(plane, cells, 1.0, _LOSS_PER_KELVIN))
    if not all(0 <= value < math.inf for value in power) or math.fsum(power) == 0:
        raise _strange(path, f"{day:%m-%d} has no sun, or irradiances that are no numbers")
    return power


@cache
def _typical_year(path: Path) -> tuple[Any, Mapping[str, Any]]:
    """The file's hours at their middles, in standard time, and its site."""
    import pandas as pd
    from pvlib.iotools import read_tmy3

    try:
        year, site = read_tmy3(path, coerce_year=_YEAR)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _strange(path, repr(error)) from error
    # A TMY3 hour carries the time of its end.
    year.index = year.index - pd.Timedelta(minutes=30)
    return year, site


def _strange(path: Path, what: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"the data are not laid out as this version knows them: {what}",
        where=str(path),
        fix="Install the versions of demandlib and pvlib that the testbed was released with.",
    )


def _read_date(date: str) -> calendar_date:
    if isinstance(date, str) and re.fullmatch("[0-9]{2}-[0-9]{2}", date):
        with suppress(ValueError):  # 02-30 is refused below
            return calendar_date(_YEAR, int(date[:2]), int(date[3:]))
    raise refused("date", date, "a month and a day as in '06-21'; the typical year has no 02-29")


def _demand_one_of(quantity: str, value: object, allowed: Sequence[object]) -> None:
    # True and 1.0 equal 1 in Python, and are no number of slots.
    if not any(type(value) is type(each) and value == each for each in allowed):
        raise refused(quantity, value, "one of " + ", ".join(map(str, allowed)))


def _season(day: calendar_date) -> str:
    """BDEW's: summer is 15 May to 14 September, winter 1 November to 20 March."""
    if (5, 15) <= (day.month, day.day) <= (9, 14):
        return "summer"
    return "transition" if (3, 21) <= (day.month, day.day) <= (10, 31) else "winter"


def _in_slots(quarter_hours: Sequence[float], slots_per_day: int) -> Series:
    """Each slot's part of the day, times the number of slots: a mean of 1."""
    _demand_one_of("slots_per_day", slots_per_day, SLOTS_PER_DAY)
    width, whole = QUARTER_HOURS // slots_per_day, math.fsum(quarter_hours)
    return tuple(
        slots_per_day * math.fsum(quarter_hours[first : first + width]) / whole
        for first in range(0, QUARTER_HOURS, width)
    )
