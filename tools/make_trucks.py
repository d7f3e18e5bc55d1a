"""Make the trucks of Port Amberlin, the same 733 each time.

Run it with `python -m tools.make_trucks`; it writes the file that the app loads.

Nothing here exists: the city, its streets, the trucks. The data come from a seed, so that a change of this
file shows as a change of the data.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

from .make_city import Point, clear, degrees, district, streets

T = TypeVar("T")

SEED = 20180702
COUNT = 733
FILE = Path(__file__).parents[1] / "pytest_foodtrucks" / "web_image" / "foodtrucks_web" / "trucks.jsonl"


HOUR = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKEND = ("sat", "sun")


@dataclass(frozen=True)
class Habit:
    """When a truck opens: its spans on working days and at the weekend, as minutes of the day."""

    weekdays: Sequence[tuple[int, int]]
    weekend: Sequence[tuple[int, int]]

    def on(self, day: str) -> Sequence[tuple[int, int]]:
        """Give the spans of a day."""
        return self.weekend if day in WEEKEND else self.weekdays


MORNING = Habit(weekdays=((7 * HOUR, 11 * HOUR),), weekend=((8 * HOUR, 13 * HOUR),))
NOON = Habit(weekdays=((11 * HOUR, 14 * HOUR + 30),), weekend=((11 * HOUR, 16 * HOUR),))
TWICE = Habit(weekdays=((11 * HOUR, 14 * HOUR), (17 * HOUR, 21 * HOUR)), weekend=((12 * HOUR, 22 * HOUR),))
ALL_DAY = Habit(weekdays=((10 * HOUR, 20 * HOUR),), weekend=((10 * HOUR, 21 * HOUR),))
EVENING = Habit(weekdays=((17 * HOUR, 22 * HOUR),), weekend=((16 * HOUR, 23 * HOUR),))
NIGHT = Habit(weekdays=((18 * HOUR, 24 * HOUR),), weekend=((18 * HOUR, 27 * HOUR),))


@dataclass(frozen=True)
class Kitchen:
    """A way to cook: how its trucks are called, what they offer, and when they may open."""

    nouns: Sequence[str]
    dishes: Sequence[str]
    habits: Sequence[Habit] = (NOON, TWICE, ALL_DAY, EVENING, NIGHT)


KITCHENS = (
    Kitchen(
        ("Taco", "Tortilla", "Salsa", "Agave"),
        ("Fish taco", "Bean taco", "Mushroom taco", "Pork taco", "Cactus taco", "Corn soup", "Quesadilla"),
    ),
    Kitchen(
        ("Taco", "Burrito", "Masa", "Chili"),
        ("Beef taco", "Breakfast taco", "Bean burrito", "Rice burrito", "Nachos", "Chili bowl"),
    ),
    Kitchen(
        ("Noodle", "Sesame", "Broth", "Chopstick"),
        ("Peanut noodles", "Sesame noodles", "Noodle soup", "Cold noodle salad", "Scallion pancake"),
    ),
    Kitchen(
        ("Dumpling", "Bamboo", "Steamer", "Bao"),
        ("Pork dumplings", "Leek dumplings", "Mushroom dumplings", "Steamed bun", "Cucumber salad"),
    ),
    Kitchen(
        ("Curry", "Cardamom", "Lentil", "Flatbread"),
        ("Chickpea curry", "Green curry", "Pumpkin curry", "Lentil stew", "Filled flatbread", "Samosa"),
    ),
    Kitchen(
        ("Burger", "Griddle", "Bun", "Pickle"),
        ("Beef burger", "Bean burger", "Halloumi burger", "Fish burger", "Onion rings"),
    ),
    Kitchen(
        ("Falafel", "Sesame", "Pita", "Olive"),
        ("Falafel wrap", "Hummus plate", "Lamb skewer", "Aubergine wrap", "Baked eggs"),
    ),
    Kitchen(
        ("Sandwich", "Crust", "Toast", "Mustard"),
        ("Grilled cheese", "Egg sandwich", "Roast beef sandwich", "Mackerel sandwich", "Tomato toast"),
    ),
    Kitchen(
        ("Soup", "Ladle", "Kettle", "Chowder"),
        ("Tomato soup", "Clam chowder", "Pumpkin soup", "Bean soup", "Fish stew"),
    ),
    Kitchen(
        ("Mussel", "Herring", "Anchor", "Oyster"),
        ("Fish and chips", "Lobster roll", "Fried squid", "Smoked mackerel", "Mussels in cider"),
    ),
    Kitchen(
        ("Rice", "Lotus", "Ginger", "Seaweed"),
        ("Poke bowl", "Fried rice", "Rice ball", "Kimchi rice", "Tofu bowl"),
    ),
    Kitchen(
        ("Crepe", "Pancake", "Batter", "Buckwheat"),
        ("Buckwheat crepe", "Lemon crepe", "Banana pancake", "Spinach crepe", "Apple pancake"),
        (MORNING, NOON, ALL_DAY),
    ),
    Kitchen(
        ("Waffle", "Sugar", "Cinnamon", "Honey"),
        ("Cinnamon doughnut", "Churros", "Berry waffle", "Apple pie", "Plum cake"),
        (MORNING, NOON, ALL_DAY, EVENING),
    ),
    Kitchen(
        ("Smoke", "Ember", "Brisket", "Hickory"),
        ("Smoked brisket", "Pulled pork roll", "Corn on the cob", "Smoked tofu", "Potato salad"),
    ),
    Kitchen(
        ("Pie", "Pasty", "Pastry", "Butter"),
        ("Cheese pie", "Mushroom pasty", "Leek pasty", "Spinach pastry", "Chicken pie"),
    ),
    Kitchen(
        ("Pizza", "Oven", "Basil", "Dough"),
        ("Tomato pizza", "Mushroom pizza", "Potato pizza", "Garlic bread", "Folded pizza"),
    ),
    Kitchen(
        ("Bean", "Grinder", "Cocoa", "Crumb"),
        ("Flat white", "Hot chocolate", "Almond croissant", "Banana bread", "Granola bowl"),
        (MORNING, MORNING, NOON, ALL_DAY),
    ),
    Kitchen(
        ("Sorbet", "Scoop", "Frost", "Melon"),
        ("Plum sorbet", "Mango ice cream", "Hazelnut ice cream", "Melon ice", "Frozen yogurt"),
        (NOON, ALL_DAY, EVENING),
    ),
)
SIDES = (
    *("Fries", "Lemonade", "Mint tea", "Mango lassi", "Ginger beer", "Green salad", "Iced coffee", "Pickles"),
    *("Apple juice", "Coleslaw", "Elderflower fizz", "Roasted nuts", "Watermelon", "Barley water"),
)

OPENERS = (
    *("Marigold", "Juniper", "Paper Boat", "Blue Door", "Second Moon", "Tin Roof", "Velvet", "Harbour Bell"),
    *("Lighthouse", "Kingfisher", "Red Kite", "Sparrow", "Copper", "Saffron", "Sunday", "Midnight"),
    *("Little Comet", "Big Spoon", "Old Mill", "Driftwood", "Salt Wind", "Low Tide", "High Tide", "North Star"),
    *("Plum Tree", "Fig Tree", "Walnut", "Wild Thyme", "Rosemary", "Honeybee", "Three Geese", "Seven Lamps"),
    *("Long Table", "Open Fire", "Slow River", "Quick Step", "Rainy Day", "Sunny Side", "Rooftop", "Lantern"),
    *("Garden Gate", "Green Bicycle", "Yellow Umbrella", "Silver Pan", "Clay Jar", "Heron", "Thistle", "Maple"),
)
ADJECTIVES = (
    *("Wandering", "Patient", "Merry", "Hungry", "Humble", "Golden", "Drifting", "Whistling", "Rolling"),
    *("Curious", "Lucky", "Sleepy", "Brave", "Gentle", "Nimble", "Jolly", "Crooked", "Singing", "Honest"),
)
VEHICLES = ("Wagon", "Cart", "Van", "Truck", "Trolley", "Caravan", "Kitchen", "Stand", "Bus", "Window")
COMPANIONS = ("Lantern", "Thyme", "Salt", "Sail", "Feather", "Clover", "Spark", "Pepper", "Barrel", "Moon")


class Dice(random.Random):
    """Chances that depend on `random()` alone, the one method that Python keeps the same for a seed."""

    def pick(self, things: Sequence[T]) -> T:
        """Take one of the things."""
        return things[int(self.random() * len(things))]

    def draw(self, things: Sequence[T], count: int) -> list[T]:
        """Take `count` different things, in the order in which they stand."""
        left = list(range(len(things)))
        drawn = sorted(left.pop(int(self.random() * len(left))) for _ in range(count))
        return [things[index] for index in drawn]

    def between(self, low: int, high: int) -> int:
        """Take a whole number from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))


@dataclass(frozen=True)
class Place:
    """Where a truck stands: a street, and a point of the map."""

    street: str
    point: Point


# Where the trucks like to stand (x, y, and how far the liking reaches); elsewhere they are rare.
HUBS = (
    (398, 470, 90),
    (610, 400, 90),
    (640, 246, 80),
    (286, 160, 90),
    (150, 500, 90),
    (790, 440, 90),
    (240, 330, 110),
)
ROOM = 8.0  # units from truck to truck
KERB = 5.0  # units from a street's middle to a truck


def trucks() -> list[dict[str, object]]:
    """Make all trucks, in the order of their names."""
    dice = Dice(SEED)
    # The first two, tacos, are the city's favourite.
    kitchens = [dice.pick(KITCHENS[:2] + KITCHENS) for _ in range(COUNT)]
    names = list(_names(dice, kitchens))
    places = list(islice(_places(dice), COUNT))
    made = [_truck(dice, *parts) for parts in zip(names, kitchens, places, strict=True)]
    return sorted(made, key=lambda truck: str(truck["id"]))


def _truck(dice: Dice, name: str, kitchen: Kitchen, place: Place) -> dict[str, object]:
    dishes = [*dice.draw(kitchen.dishes, dice.between(2, 4)), *dice.draw(SIDES, dice.between(0, 1))]
    return {
        "id": name.lower().replace(" & ", "-and-").replace(" ", "-"),
        "name": name,
        "dishes": dishes,
        "street": place.street,
        "district": district(place.point),
        "location": degrees(place.point),
        "hours": _hours(dice, dice.pick(kitchen.habits)),
    }


def _names(dice: Dice, kitchens: Sequence[Kitchen]) -> Iterator[str]:
    """Name each truck after its kitchen, no two alike."""
    taken: set[str] = set()
    for kitchen in kitchens:
        name = _name(dice, dice.pick(kitchen.nouns))
        while name in taken:
            name = _name(dice, dice.pick(kitchen.nouns))
        taken.add(name)
        yield name


def _name(dice: Dice, noun: str) -> str:
    opener = dice.pick(OPENERS)
    return dice.pick(
        (
            f"{opener} {noun} {dice.pick(VEHICLES)}",
            f"{opener} {noun} {dice.pick(VEHICLES)}",
            f"{opener} {noun}",
            f"{noun} & {dice.pick(COMPANIONS)}",
            f"The {dice.pick(ADJECTIVES)} {noun}",
        )
    )


def _places(dice: Dice) -> Iterator[Place]:
    """Find places beside the streets, mostly near the hubs, each with room around it."""
    corners = [(street.name, *ends) for street in streets() for line in street.lines for ends in pairwise(line)]
    taken: list[Point] = []
    while True:
        street, start, end = dice.pick(corners)
        point = _beside(dice, start, end)
        liked = max((math.exp(-((math.dist(point, (x, y)) / reach) ** 2)) for x, y, reach in HUBS), default=0.0)
        if dice.random() < 0.12 + liked and clear(point) and all(math.dist(point, other) > ROOM for other in taken):
            taken.append(point)
            yield Place(street, point)


def _beside(dice: Dice, start: Point, end: Point) -> Point:
    """Take a spot at the kerb of a short piece of street."""
    along, side = dice.random(), dice.pick((-KERB, KERB))
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    return start[0] + along * dx - side * dy / length, start[1] + along * dy + side * dx / length


def _hours(dice: Dice, habit: Habit) -> dict[str, list[list[str]]]:
    """Open on five or six days, some trucks half an hour later than others."""
    later = dice.pick((0, 30))
    closed = dice.draw(DAYS, dice.between(1, 2))
    return {
        day: [[_clock(start + later), _clock(end + later)] for start, end in habit.on(day)]
        for day in DAYS
        if day not in closed
    }


def _clock(minutes: int) -> str:
    return f"{minutes // HOUR % 24:02}:{minutes % HOUR:02}"


def text() -> str:
    """Give the file's text, one truck a line."""
    return "".join(json.dumps(truck) + "\n" for truck in trucks())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
