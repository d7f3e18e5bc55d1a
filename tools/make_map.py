"""Draw the map of Port Amberlin as SVG: `python -m tools.make_map`.

The drawing has classes and no colours: the page's style sheet paints it, light or dark.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from .make_city import (
    DISTRICTS,
    HEIGHT,
    ISLAND,
    PARKS,
    PER_DEGREE,
    RIVER,
    SEA,
    WIDTH,
    Line,
    Point,
    Street,
    beside,
    half_width,
    length,
    streets,
    to_segment,
)

FILE = Path(__file__).parents[1] / "pytest_foodtrucks" / "web_image" / "foodtrucks_web" / "templates" / "city.svg"

_UNSEEN = 0.2  # units; no line on the screen shows less
_NEAR_EDGE = 140  # units
_BELOW = 3.2  # units from a street's line to the foot of the letters on it

# How far along the street its name begins, in per cent; only those that have room for it.
STREET_LABELS = {
    "Compass Avenue": 62,
    "Meridian Avenue": 10,
    "Harvest Avenue": 30,
    "Market Street": 9,
    "Bellfounder Road": 68,
    "Comet Road": 42,
    "Lighthouse Promenade": 58,
    "Harbour Promenade": 34,
    "East Embankment": 44,
}
WATER_LABELS = (("Gannet Bay", 300, 664), ("Gull Rock", 850, 654))
PIERS: tuple[Line, ...] = (
    [(330, 600), (336, 640)],
    [(352, 590), (358, 632)],
    [(666, 574), (676, 622), (700, 626)],
    [(640, 580), (650, 618)],
)
FERRY: Line = [(676, 618), (700, 640), (738, 642)]
LIGHTHOUSE: Point = (772, 634)


def drawing() -> Iterator[str]:
    """Draw from the ground up: water, parks, streets, a group for the trucks, and what must stay legible."""
    yield (
        f'<svg id="map" class="city" viewBox="0 0 {WIDTH} {HEIGHT}" data-per-degree="{PER_DEGREE}"'
        f' role="img" aria-label="Map of Port Amberlin" xmlns="http://www.w3.org/2000/svg">'
    )
    yield f'<rect class="land" width="{WIDTH}" height="{HEIGHT}"/>'
    yield from _parks()
    banks = [*beside(RIVER, half_width), *reversed(beside(RIVER, lambda point: -half_width(point)))]
    yield f'<path class="water" d="{_shape(banks)}"/>'
    yield f'<path class="water" d="{_shape(SEA)}"/>'
    yield from _harbour()
    yield from _streets(streets())
    yield from _names()
    yield '<g id="markers"></g>'
    yield from _districts()
    yield "</svg>"


def _parks() -> Iterator[str]:
    for shape in PARKS.values():
        yield f'<path class="park" d="{_shape(shape)}"/>'


def _harbour() -> Iterator[str]:
    yield f'<path class="land" d="{_shape(ISLAND)}"/>'
    yield f'<path class="pier" d="{"".join(_path(pier) for pier in PIERS)}"/>'
    yield f'<path class="ferry" d="{_path(FERRY)}"/>'
    x, y = LIGHTHOUSE
    yield f'<path class="beam" d="M{x} {y - 12}l-64 -9v18zM{x} {y - 12}l64 -9v18z"/>'
    yield f'<path class="tower" d="M{x - 3} {y - 9}h6l2 17h-10zM{x - 4} {y - 10}v-3l4 -4 4 4v3z"/>'


def _streets(all_streets: Sequence[Street]) -> Iterator[str]:
    """Draw the narrow ones first, so that avenues run over them; one path for each kind."""
    for kind in ("street", "promenade", "avenue"):
        lines = [line for street in all_streets if street.kind == kind for line in street.lines]
        yield f'<path class="{kind}" d="{"".join(map(_path, lines))}"/>'
    for street in all_streets:
        if street.name in STREET_LABELS:
            yield from _along(street)


def _along(street: Street) -> Iterator[str]:
    """Write a street's name along its longest line, from left to right."""
    line = max(street.lines, key=length)
    if line[0][0] > line[-1][0]:
        line = line[::-1]
    name = street.name.lower().replace(" ", "-")
    # A baseline of its own, below the street's middle: not every browser lowers text on a path.
    yield f'<path id="{name}" class="baseline" d="{_path(beside(line, lambda _: _BELOW))}"/>'
    yield (
        f'<text class="street-name"><textPath href="#{name}" startOffset="{STREET_LABELS[street.name]}%">'
        f"{street.name}</textPath></text>"
    )


def _names() -> Iterator[str]:
    for name, shape in PARKS.items():
        x, y = sum(x for x, _ in shape) / len(shape), sum(y for _, y in shape) / len(shape)
        first, second = name.split()
        lines = f'{first}<tspan x="{x:.0f}" dy="1.1em">{second}</tspan>'
        yield f'<text class="park-name" x="{x:.0f}" y="{y:.0f}">{lines}</text>'
    for name, x, y in WATER_LABELS:
        yield f'<text class="water-name" x="{x}" y="{y}">{name}</text>'


def _districts() -> Iterator[str]:
    for name, (x, y) in DISTRICTS.items():
        # Small screens write larger letters, which need another hold near the edges.
        edge = " westmost" if x < _NEAR_EDGE else " eastmost" if x > WIDTH - _NEAR_EDGE else ""
        yield f'<text class="district{edge}" x="{x}" y="{y}">{name}</text>'


def _shape(line: Sequence[Point]) -> str:
    return _path([*line, line[0]]) + "z"


def _path(line: Sequence[Point]) -> str:
    """Write a line in tenths of a unit, without the points that the eye doesn't miss."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in thinned(line))


def thinned(line: Sequence[Point]) -> Line:
    """Leave out points that lie almost on the line between others (Ramer, Douglas and Peucker)."""
    ends = line[0], line[-1]
    closed = math.dist(*ends) == 0
    between = (
        (math.dist(line[i], line[0]) if closed else to_segment(line[i], *ends), i) for i in range(1, len(line) - 1)
    )
    far, middle = max(between, default=(0.0, 0))
    if far < _UNSEEN:
        return list(ends)
    return [*thinned(line[: middle + 1])[:-1], *thinned(line[middle:])]


def text() -> str:
    """Give the file's text."""
    return "\n".join(drawing()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
