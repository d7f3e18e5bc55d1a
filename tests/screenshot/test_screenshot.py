"""Makes the README's picture of the page: `./run screenshot`."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from browser import browser  # noqa: F401 - a fixture
from pytest_foodtrucks import Service

PICTURE = Path(__file__).parents[2] / "docs/foodtrucks.png"


def test_take_it(web_on_net: Service, browser: Browser) -> None:  # noqa: F811 - pytest passes the fixture
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{web_on_net.url}/?now=fri-18:30&q=taco&open=now")
    expect(page.get_by_role("status")).to_contain_text("trucks for “taco” open now")
    page.locator("#results > .card").nth(2).hover()
    expect(page.locator("#flag")).to_be_visible()
    page.screenshot(path=PICTURE)
