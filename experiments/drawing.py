"""How pictures look. The same data give the same bytes, so a repeated experiment can be compared by file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito's palette: told apart with any colour vision, and in grey.
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
DOTS_PER_INCH = 200

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.fonttype": "path",
    # Otherwise an SVG's identifiers are drawn by lot.
    "svg.hashsalt": "testbed",
}
_PANEL_WIDTH, _PANEL_HEIGHT, _LABEL_WIDTH = 2.9, 2.3, 1.45
_MARKERS = "osD^v<"


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save(figure: Figure, *, svg: IO[bytes], png: IO[bytes]) -> None:
    """In both formats; needs no display."""
    figure.savefig(svg, format="svg", dpi=DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def panels(
    titles: Sequence[str], x: str, ys: Sequence[str], columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    """A row of panels, or several, with one label below and a label of its own on each left side."""
    columns = columns or len(titles)
    rows = -(-len(titles) // columns)
    figure = Figure(
        figsize=(max(2, columns) * _PANEL_WIDTH, rows * _PANEL_HEIGHT + 0.5), layout="constrained"
    )
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[len(titles) :]:
        figure.delaxes(spare)
    axes = axes[: len(titles)]
    for index, (each, title) in enumerate(zip(axes, titles, strict=True)):
        each.set_title(title, loc="left", weight="bold")
        each.set_xlabel(x)
        if len(ys) > 1 or index % columns == 0:
            each.set_ylabel(ys[index % len(ys)])
    return figure, axes


def line(axes: Axes, rows: pd.DataFrame, x: str, label: str, colour: str, index: int | None = 0) -> None:
    """Means over x with their 95 % interval as a band; no `index`: dashes, without markers."""
    dashes: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
    if index is not None:
        marker = _MARKERS[index % len(_MARKERS)] if len(rows) <= 15 else ""
        dashes = {"marker": marker, "markersize": 3, "linewidth": 1.2}
    axes.plot(rows[x], rows["mean"], color=colour, label=label, **dashes)
    if not np.allclose(rows["low"], rows["high"]):
        axes.fill_between(rows[x], rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend above all panels, of every label once, in the order drawn."""
    handles: dict[str, Artist] = {}
    for each in axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    columns = round(figure.get_figwidth() / _LABEL_WIDTH)
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=min(columns, len(handles)))
