"""Lay out the city of Port Amberlin: its coast, river, parks, districts and streets, as numbers.

The map is 1000 units wide and 700 high, y points south; `PER_DEGREE` units are one degree, and the south-west
corner lies at 0° N 0° E, in the open sea, so that nobody takes the city for a real one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Line: TypeAlias = list[Point]

WIDTH, HEIGHT = 1000, 700
PER_DEGREE = 5000

_STEP = 6.0  # units between two points of a street while it is cut to the land
_SHORTEST = 45.0  # units; what is left of a street must be worth a name
_OVER = 4.0  # units that a street runs on behind the edge of the map
_EDGE = 12.0  # units; no truck is nearer to the edge of the map
_WHARF = 4.0  # units from the water to a truck
_BANK = 9.0  # units between the river and the streets beside it


def smooth(corners: Sequence[Point], *, closed: bool = False, steps: int = 10) -> Line:
    """Draw a Catmull-Rom curve through the corners."""
    count = len(corners)
    line: Line = []
    for index in range(count if closed else count - 1):
        around = [index - 1, index, index + 1, index + 2]
        p, q, r, s = (corners[i % count if closed else min(max(i, 0), count - 1)] for i in around)
        for step in range(steps):
            t = step / steps
            line.append((_spline(p[0], q[0], r[0], s[0], t), _spline(p[1], q[1], r[1], s[1], t)))
    return line if closed else [*line, corners[-1]]


def _spline(p: float, q: float, r: float, s: float, t: float) -> float:
    return q + t / 2 * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)))


def distance(point: Point, line: Sequence[Point]) -> float:
    """Measure from a point to the nearest spot of a line."""
    return min(to_segment(point, start, end) for start, end in pairwise(line))


def to_segment(point: Point, start: Point, end: Point) -> float:
    """Measure from a point to the nearest spot of a straight piece."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    t = 0.0 if not length else ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length
    t = min(max(t, 0.0), 1.0)
    return math.hypot(point[0] - start[0] - t * dx, point[1] - start[1] - t * dy)


def inside(point: Point, shape: Sequence[Point]) -> bool:
    """Tell whether a point is within a closed shape (even-odd rule)."""
    x, y = point
    within = False
    for (ax, ay), (bx, by) in pairwise([*shape, shape[0]]):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            within = not within
    return within


COAST = smooth(
    [
        *((-20, 628), (70, 604), (150, 612), (235, 590), (300, 604), (368, 580), (430, 588)),
        *((466, 606), (500, 600), (540, 600), (574, 602), (610, 584), (668, 578), (742, 556), (790, 560)),
        *((842, 520), (868, 470), (920, 436), (962, 428), (1020, 400)),
    ]
)
SEA: Line = [*COAST, (1020, 720), (-20, 720)]
RIVER = smooth(
    [(612, -20), (596, 60), (548, 140), (502, 220), (486, 310), (508, 400), (524, 490), (518, 570), (519, 650)]
)
ISLAND = smooth([(742, 640), (764, 628), (790, 634), (800, 648), (782, 660), (754, 656)], closed=True, steps=6)

PARKS = {
    "Heron Meadow": smooth(
        [(372, 268), (424, 252), (442, 300), (436, 356), (392, 366), (366, 322)], closed=True, steps=6
    ),
    "Signal Hill": smooth(
        [(742, 130), (812, 108), (872, 146), (866, 214), (800, 236), (744, 196)], closed=True, steps=6
    ),
    "Orchard Common": smooth([(92, 132), (170, 116), (206, 160), (178, 214), (108, 208)], closed=True, steps=6),
    "Sandpiper Green": smooth([(640, 462), (708, 448), (726, 494), (672, 520), (632, 500)], closed=True, steps=6),
    "Glasshouse Garden": smooth([(262, 470), (310, 462), (318, 508), (272, 516)], closed=True, steps=6),
}

# Each place of a district is in the one whose name is nearest.
DISTRICTS: dict[str, Point] = {
    "Kiteborough": (110, 44),
    "Orchard Row": (286, 150),
    "Millrace": (432, 96),
    "Weavers Green": (108, 300),
    "Old Ropewalk": (284, 330),
    "Saltmarket": (136, 496),
    "Lantern Quarter": (398, 462),
    "Northlight": (700, 52),
    "Signal Heights": (910, 74),
    "The Cinders": (640, 236),
    "Tern Hill": (884, 296),
    "Saffron Gate": (620, 380),
    "Ferry End": (760, 450),
}


@dataclass(frozen=True)
class Street:
    """A street: its name, how it is drawn, and the lines that are left of it where it meets water or a park."""

    name: str
    kind: str
    lines: Sequence[Line]


def half_width(point: Point) -> float:
    """Give half the river's width at a point, which grows towards the sea."""
    return 13 + 15 * max(0.0, point[1]) / HEIGHT


def dry(point: Point) -> bool:
    """Tell whether a street may run here: on the map, on land, and in no park."""
    x, y = point
    on_map = -_OVER <= x <= WIDTH + _OVER and -_OVER <= y <= HEIGHT + _OVER
    return on_map and not inside(point, SEA) and distance(point, COAST) > _BANK and not in_park(point)


def clear(point: Point) -> bool:
    """Tell whether a truck may stand here: dry, off the river, and where the map can show it whole."""
    x, y = point
    on_map = _EDGE < x < WIDTH - _EDGE and _EDGE < y < HEIGHT - _EDGE
    return on_map and dry(point) and distance(point, RIVER) > half_width(point) + _WHARF


def in_park(point: Point) -> bool:
    """Tell whether a point lies in one of the parks."""
    return any(inside(point, park) for park in PARKS.values())


def west(point: Point) -> bool:
    """Tell whether a street of the western grid may run here: the river's bank is its border."""
    return dry(point) and point[0] < _river_x(point[1]) and distance(point, RIVER) > half_width(point) + _BANK


def east(point: Point) -> bool:
    """Tell the same for the eastern grid."""
    return dry(point) and point[0] > _river_x(point[1]) and distance(point, RIVER) > half_width(point) + _BANK


def _river_x(y: float) -> float:
    return min(RIVER, key=lambda point: abs(point[1] - y))[0]


def cut(line: Sequence[Point], allowed: Callable[[Point], bool]) -> list[Line]:
    """Keep the parts of a line that lie where they are allowed, and are long enough."""
    parts: list[Line] = [[]]
    for point in _walk(line):
        if allowed(point):
            parts[-1].append(point)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if length(part) >= _SHORTEST]


def _walk(line: Sequence[Point]) -> Iterator[Point]:
    """Go along a line in small steps."""
    for start, end in pairwise(line):
        steps = max(1, round(math.dist(start, end) / _STEP))
        for step in range(steps):
            t = step / steps
            yield start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])
    yield line[-1]


def length(line: Sequence[Point]) -> float:
    """Measure along a line."""
    return sum(math.dist(start, end) for start, end in pairwise(line))


def beside(line: Sequence[Point], offset: Callable[[Point], float]) -> Line:
    """Draw a parallel to a line; a positive offset is to the right of its direction."""
    parallel: Line = []
    for before, point, after in zip(line, line[1:], line[2:], strict=False):
        dx, dy = after[0] - before[0], after[1] - before[1]
        scale = offset(point) / math.hypot(dx, dy)
        parallel.append((point[0] - dy * scale, point[1] + dx * scale))
    return parallel


@dataclass(frozen=True)
class Grid:
    """A quarter's grid of streets: where its middle is, how it is turned, and the names of its lines."""

    middle: Point
    degrees: float
    allowed: Callable[[Point], bool]
    along: dict[str, float]
    across: dict[str, float]

    def streets(self) -> Iterator[Street]:
        """Lay the streets, slightly bent, so that they look grown."""
        reach = [20.0 * step for step in range(-30, 31)]
        for name, v in self.along.items():
            yield self._street(name, [(u, v + 7 * math.sin(u / 90 + v)) for u in reach])
        for name, u in self.across.items():
            yield self._street(name, [(u + 6 * math.sin(v / 80 + u), v) for v in reach])

    def _street(self, name: str, line: Line) -> Street:
        turn = math.radians(self.degrees)
        cos, sin = math.cos(turn), math.sin(turn)
        x, y = self.middle
        turned = [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in line]
        return Street(name, "street", cut(turned, self.allowed))


AVENUES = {
    "Compass Avenue": [(-20, 96), (200, 86), (400, 112), (572, 104), (760, 84), (1020, 40)],
    "Meridian Avenue": [(-20, 410), (180, 398), (360, 402), (508, 396), (640, 372), (820, 318), (1020, 268)],
    "Harvest Avenue": [
        (-20, 232),
        (160, 238),
        (330, 218),
        (500, 226),
        (640, 196),
        (720, 240),
        (880, 250),
        (1020, 190),
    ],
    "Market Street": [
        (-20, 556),
        (150, 540),
        (330, 548),
        (420, 522),
        (524, 506),
        (620, 546),
        (740, 524),
        (820, 458),
        (1020, 352),
    ],
    "Bellfounder Road": [(244, -20), (232, 120), (226, 260), (246, 400), (240, 620)],
    "Comet Road": [(716, -20), (712, 140), (704, 300), (628, 430), (590, 560)],
}
WEST = Grid(
    (250, 330),
    4,
    west,
    along={
        "Thimble Street": -290,
        "Quince Street": -195,
        "Barley Street": -150,
        "Heron Street": -62,
        "Candle Street": -18,
        "Ropemaker Street": 28,
        "Spindle Street": 112,
        "Pepper Street": 158,
        "Net Menders Lane": 252,
    },
    across={
        "Kite Lane": -206,
        "Plum Lane": -158,
        "Loom Lane": -108,
        "Acorn Lane": -58,
        "Cobbler Lane": 42,
        "Fiddle Lane": 88,
        "Lamplighter Lane": 134,
        "Wharf Lane": 180,
    },
)
EAST = Grid(
    (760, 290),
    -15,
    east,
    along={
        "Aurora Street": -268,
        "Beacon Street": -150,
        "Clover Street": -104,
        "Foundry Street": -10,
        "Ember Street": 42,
        "Saffron Street": 128,
        "Cinnamon Street": 172,
        "Juniper Street": 214,
    },
    across={
        "Anvil Lane": -196,
        "Magpie Lane": -150,
        "Nutmeg Lane": -104,
        "Sailmaker Lane": 8,
        "Tern Lane": 54,
        "Thistle Lane": 100,
        "Lookout Lane": 148,
        "Windmill Lane": 196,
    },
)


def streets() -> list[Street]:
    """Give all streets, the wide ones first."""
    shore = beside(COAST, lambda _: -16.0)
    left = beside(RIVER, lambda point: half_width(point) + _BANK + 4)
    right = beside(RIVER, lambda point: -half_width(point) - _BANK - 4)
    return [
        *(Street(name, "avenue", cut(smooth(corners), dry)) for name, corners in AVENUES.items()),
        Street("Lighthouse Promenade", "promenade", cut(shore, west)),
        Street("Harbour Promenade", "promenade", cut(shore, east)),
        Street("West Embankment", "promenade", cut(left, west)),
        Street("East Embankment", "promenade", cut(right, east)),
        *WEST.streets(),
        *EAST.streets(),
    ]


def district(point: Point) -> str:
    """Name the district that a point is in."""
    return min(DISTRICTS, key=lambda name: math.dist(point, DISTRICTS[name]))


def degrees(point: Point) -> dict[str, float]:
    """Turn a place on the map into latitude and longitude, as Elasticsearch takes them."""
    return {"lat": round((HEIGHT - point[1]) / PER_DEGREE, 5), "lon": round(point[0] / PER_DEGREE, 5)}
