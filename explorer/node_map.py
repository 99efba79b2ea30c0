"""The nodes on a circle and the links between them, as nodes report and the configuration tells: the map of
/nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from explorer.config import Link
from explorer.state import NodeState

BOX_WIDTH, BOX_HEIGHT = 132, 46
_RADIUS_X, _RADIUS_Y = 150.0, 112.0
MOST_NARROW = 6  # more nodes than that need a wider circle, or their boxes would overlap
_MARGIN = 4
_BELOW = 20  # for what stands under a box
_ARROW = 6.0
_ASIDE = 10.0


@dataclass(frozen=True)
class Spot:
    """A node and the middle of its box."""

    seen: NodeState
    x: float
    y: float
    others: int
    """Peers that are not known to be one of the nodes."""


@dataclass(frozen=True)
class Line:
    """A connection between two nodes, which `dialled_by` opened; `both` whether both ends report it.

    Where nobody reports one, it is a link that was cut, as the configuration tells.
    """

    one: Spot
    other: Spot
    dialled_by: NodeState | None
    both: bool
    told: Link | None = None

    @property
    def label(self) -> str:
        """What the configuration tells of it, for a place beside its middle."""
        if self.told is None:
            return ""
        latency = [] if self.told.latency_ms is None else [f"{self.told.latency_ms:g} ms"]
        return ", ".join([*latency, *(["cut"] if self.told.cut else [])])

    @property
    def label_place(self) -> tuple[float, float, str]:
        """Halfway, and above the arrow or to the right of it; with what SVG calls the text's anchor."""
        x, y = (self.one.x + self.other.x) / 2, (self.one.y + self.other.y) / 2
        level = abs(self.one.y - self.other.y) < abs(self.one.x - self.other.x)
        return (x, y - _ASIDE, "middle") if level else (x + _ASIDE, y + _ASIDE / 2, "start")

    @property
    def arrow(self) -> str:
        """A triangle halfway that points to the end that was dialled, as an SVG path; empty if none was."""
        if self.dialled_by is None:
            return ""
        start, end = (self.one, self.other) if self.dialled_by is self.one.seen else (self.other, self.one)
        length = math.hypot(end.x - start.x, end.y - start.y) or 1.0
        along_x, along_y = _ARROW * (end.x - start.x) / length, _ARROW * (end.y - start.y) / length
        x, y = (start.x + end.x) / 2, (start.y + end.y) / 2
        corners = (
            (x + along_x, y + along_y),
            (x - along_x - along_y, y - along_y + along_x),
            (x - along_x + along_y, y - along_y - along_x),
        )
        return "M" + "L".join(f"{corner_x:.1f} {corner_y:.1f}" for corner_x, corner_y in corners) + "Z"


@dataclass(frozen=True)
class NodeMap:
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]

    @property
    def width(self) -> int:
        return round(2 * self.spots[0].x) if self.spots else 0  # the first stands in the middle

    @property
    def height(self) -> int:
        """What lies below the lowest node is left out."""
        return math.ceil(max((spot.y for spot in self.spots), default=0.0)) + BOX_HEIGHT // 2 + _BELOW

    @property
    def is_wide(self) -> bool:
        return len(self.spots) > MOST_NARROW


def node_map(nodes: Sequence[NodeState], links: Sequence[Link] = ()) -> NodeMap:
    """The first node stands at the top, or alone in the middle."""
    known = {seen.enode_id: at for at, seen in enumerate(nodes) if seen.enode_id is not None}
    spots = tuple(_spot(seen, at, len(nodes), known) for at, seen in enumerate(nodes))
    told: dict[tuple[int, int], list[tuple[int, bool]]] = {}
    for at, seen in enumerate(nodes):
        for peer in seen.peers or ():
            if (other := known.get(peer.enode_id)) is not None and other != at:
                told.setdefault((min(at, other), max(at, other)), []).append((at, peer.inbound))
    at_of = {seen.node.name: at for at, seen in enumerate(nodes)}
    configured: dict[tuple[int, int], Link] = {}
    for link in links:
        # A configuration that is read anew may name a node that is not asked yet.
        if link.between <= at_of.keys():
            one, other_end = sorted(at_of[name] for name in link.between)
            configured[one, other_end] = link
            if link.cut:
                told.setdefault((one, other_end), [])
    lines = (_line(spots, *pair, reports, configured.get(pair)) for pair, reports in sorted(told.items()))
    return NodeMap(spots, tuple(lines))


def _spot(seen: NodeState, at: int, count: int, known: Mapping[str, int]) -> Spot:
    turn = 2 * math.pi * at / count
    size = max(1.0, count / MOST_NARROW)
    away = 0.0 if count == 1 else size
    return Spot(
        seen=seen,
        x=_MARGIN + BOX_WIDTH / 2 + _RADIUS_X * size + _RADIUS_X * away * math.sin(turn),
        y=_MARGIN + BOX_HEIGHT / 2 + _RADIUS_Y * away * (1 - math.cos(turn)),
        others=sum(peer.enode_id not in known for peer in seen.peers or ()),
    )


def _line(
    spots: Sequence[Spot], one: int, other: int, reports: Sequence[tuple[int, bool]], told: Link | None
) -> Line:
    """`reports` tells of each report by which end, and whether the other end had dialled it."""
    if not reports:
        return Line(spots[one], spots[other], None, False, told)
    at, inbound = reports[0]
    dialled_by = (one if at == other else other) if inbound else at
    both = len({end for end, _ in reports}) == 2
    return Line(spots[one], spots[other], spots[dialled_by].seen, both, told)
