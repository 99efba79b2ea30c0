"""A campaign's report: `report.json` holds everything, `report.md` and the picture tell it to people."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from errors import TestbedError
from errors.files import write_atomic
from orchestrator.report_text import report_text

KIND = "campaign report"
VERSION = 1

_TOP: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "testbed": str,
    "created": str,
    "engine": str,
    "consensus": str,
    "policy": str,
    "seed": int,
    "slots": int,
    "slots_played": int,
    "first_slot": int,
    "start_block": int,
    "end_block": int,
    "end_block_hash": str,
    "configuration": dict,
    "chain": dict,
    "versions": dict,
    "parameters": dict,
    "participants": list,
    "equilibrium": dict,
    "slot_records": list,
    "totals": dict,
    "mining": dict,
    "died": list,
    "notes": list,
    "interrupted": bool,
    "audit": dict,
}
_RECORD: dict[str, type | tuple[type, ...]] = {
    "slot": int,
    "chain_slot": int,
    "price": (int, float),
    "price_wei_per_mE": int,
    "x": list,
    "x_mE": list,
    "y_Wh": list,
    "complete": bool,
}


def write_report(report: dict[str, Any], directory: Path) -> None:
    """Writes report.json, report.md, report.svg and report.png, each whole or not at all.

    The numbers go first: whatever becomes of the picture, they are safe. Raises EnvironmentFault where the
    directory cannot be written.
    """
    text = json.dumps(report, indent=1, allow_nan=False)
    write_atomic(directory / "report.json", text + "\n")
    write_atomic(directory / "report.md", report_text(report))

    from orchestrator.picture import draw  # matplotlib takes half a second to import

    svg, png = io.BytesIO(), io.BytesIO()
    draw(report, svg=svg, png=png)
    write_atomic(directory / "report.svg", svg.getvalue().decode())
    write_atomic(directory / "report.png", png.getvalue())


def load_report(path: Path) -> dict[str, Any]:
    """A report.json, so that its campaign can be repeated. Raises TestbedError naming file and fault."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _refused(path, "there is no such file") from error
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"is truncated or no JSON: {error}") from error
    if not isinstance(report, dict) or report.get("kind") != KIND:
        raise _refused(path, f'is not a campaign report: it lacks "kind": "{KIND}"')
    if report.get("version") != VERSION:
        raise _refused(
            path, f"is a campaign report of version {report.get('version')!r}, this testbed reads {VERSION}"
        )
    _check(path, report, _TOP, "")
    for index, record in enumerate(report["slot_records"]):
        if not isinstance(record, dict):
            raise _refused(
                path, f"slot_records[{index}] is {type(record).__name__}, expected keys and values"
            )
        _check(path, record, _RECORD, f"slot_records[{index}].")
    return report


def _check(
    path: Path, found: dict[str, Any], expected: dict[str, type | tuple[type, ...]], prefix: str
) -> None:
    missing = [f"{prefix}{key}" for key in expected if key not in found]
    if missing:
        raise _refused(path, f"lacks {', '.join(missing)}")
    for key, kind in expected.items():
        # True is an int to Python, and no number to anybody else.
        if not isinstance(found[key], kind) or (isinstance(found[key], bool) and kind is not bool):
            raise _refused(path, f"{prefix}{key} is {found[key]!r:.60}, which it cannot be")


def _refused(path: Path, how: str) -> TestbedError:
    return TestbedError(how, where=str(path), fix="Every campaign leaves a report.json in its own directory.")
