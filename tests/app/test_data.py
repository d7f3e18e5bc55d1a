"""The app's data: made from a seed, and true to the map."""

import math
import re
from collections.abc import Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest

from pytest_foodtrucks.web_image.foodtrucks_web.trucks import EXPECTED, MAPPING, document, trucks
from tools import make_city, make_map, make_trucks

TRUCKS = list(trucks())
STREETS = make_city.streets()


def on_map(truck: Mapping[str, Any]) -> make_city.Point:
    place = truck["location"]
    return place["lon"] * make_city.PER_DEGREE, make_city.HEIGHT - place["lat"] * make_city.PER_DEGREE


def test_the_trucks_can_be_made_again_byte_for_byte() -> None:
    assert make_trucks.text() == make_trucks.FILE.read_text(encoding="utf-8")


def test_the_map_can_be_made_again_byte_for_byte() -> None:
    assert make_map.text() == make_map.FILE.read_text(encoding="utf-8")


def test_there_are_as_many_trucks_as_the_app_expects() -> None:
    assert len(TRUCKS) == EXPECTED == make_trucks.COUNT == 733


@pytest.mark.parametrize("key", ["id", "name"])
def test_no_two_trucks_are_called_alike(key: str) -> None:
    assert len({truck[key] for truck in TRUCKS}) == len(TRUCKS)


def test_each_id_is_fit_for_a_url() -> None:
    assert [truck["id"] for truck in TRUCKS if not re.fullmatch(r"[a-z]+(-[a-z]+)*", truck["id"])] == []


def test_dishes_are_many_and_tacos_among_them() -> None:
    dishes = {dish for truck in TRUCKS for dish in truck["dishes"]}
    assert len(dishes) > 90
    assert sum(any("taco" in dish for dish in truck["dishes"]) for truck in TRUCKS) > 100
    assert all(len(set(truck["dishes"])) == len(truck["dishes"]) >= 2 for truck in TRUCKS)


def test_each_truck_stands_beside_the_street_of_its_address() -> None:
    lines = {street.name: street.lines for street in STREETS}
    for truck in TRUCKS:
        nearest = min(make_city.distance(on_map(truck), line) for line in lines[truck["street"]])
        assert nearest < make_trucks.KERB + 0.1, truck


def test_each_truck_stands_on_dry_land_in_its_district() -> None:
    for truck in TRUCKS:
        assert make_city.clear(on_map(truck)), truck
        assert make_city.district(on_map(truck)) == truck["district"], truck


def test_each_truck_has_room_around_it() -> None:
    places = [on_map(truck) for truck in TRUCKS]
    assert min(math.dist(one, other) for one, other in combinations(places, 2)) > make_trucks.ROOM - 0.2


def test_each_street_has_a_name_of_its_own_and_is_there() -> None:
    assert len({street.name for street in STREETS}) == len(STREETS)
    assert [street.name for street in STREETS if not street.lines] == []


def test_streets_cross_the_river_on_avenues_only() -> None:
    for street in STREETS:
        for line in street.lines:
            wet = any(make_city.distance(point, make_city.RIVER) < make_city.half_width(point) for point in line)
            assert not wet or street.kind == "avenue", street.name


def test_what_is_left_out_of_a_line_cannot_be_seen() -> None:
    for line in [*(line for street in STREETS for line in street.lines), make_city.SEA]:
        drawn = make_map.thinned(line)
        assert max(make_city.distance(point, drawn) for point in line) < 0.3
        assert all(start != end for start, end in pairwise(drawn))


def test_the_map_names_each_district_and_park() -> None:
    texts = re.sub(r"<[^>]*>", "", make_map.FILE.read_text(encoding="utf-8"))
    assert [name for name in make_city.DISTRICTS if name not in texts] == []
    assert [park for park in make_city.PARKS if park.replace(" ", "") not in texts] == []


def test_a_document_has_the_fields_of_the_mapping_and_no_other() -> None:
    fields = set(MAPPING["properties"]) - {"everything"}
    assert all(set(document(truck)) == fields for truck in TRUCKS)


def test_the_city_is_nowhere() -> None:
    assert all(0 < truck["location"][axis] < 0.2 for truck in TRUCKS for axis in ("lat", "lon"))
