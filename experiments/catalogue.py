"""Every experiment by name, in the order of the report."""

from __future__ import annotations

from experiments.closeness import EXPLORATION, GAP
from experiments.fig3 import FIG3A, FIG3B
from experiments.fig4 import FIG4A, FIG4B, FIG4C, FIG4D
from experiments.figure import Figure
from experiments.mechanisms import SERVERS, WELFARE
from experiments.mining import FIG4E

FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        *(FIG3A, FIG3B, FIG4A, FIG4B, FIG4C, FIG4D, FIG4E),
        *(GAP, EXPLORATION, WELFARE, SERVERS),
    )
}
