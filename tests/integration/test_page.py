"""The app's page in a real browser: search, filters, cards and map, and Elasticsearch away and back."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from browser import browser  # noqa: F401 - a fixture
from pytest_foodtrucks import ElasticsearchService, Service

FRIDAY = "now=fri-18:30"
expect.set_options(timeout=15_000)  # milliseconds: the machine may be busy


@pytest.fixture
def page(browser: Browser, web_on_net: Service, request: pytest.FixtureRequest) -> Iterator[Page]:  # noqa: F811
    """Open the page; it must ask nobody but the app, and no script may fail."""
    context = browser.new_context(**getattr(request, "param", {"viewport": {"width": 1400, "height": 980}}))
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(web_on_net.url) else trouble.append(asked.url))
    page.goto(f"{web_on_net.url}/?{FRIDAY}")
    expect(page.get_by_role("status")).to_have_text("733 trucks")
    yield page
    context.close()
    assert trouble == []


def test_typing_finds_trucks_in_the_list_and_on_the_map(page: Page, web_client: httpx2.Client) -> None:
    hits = web_client.get("/search", params={"q": "taco"}).json()["hits"]
    page.get_by_role("searchbox").press_sequentially("taco")
    expect(page.get_by_role("status")).to_have_text(f"{hits} trucks for “taco”")
    expect(page.locator("#markers .dot")).to_have_count(hits)
    expect(page.locator("#results > .card")).to_have_count(24)


def test_a_mark_and_its_card_light_each_other(page: Page) -> None:
    page.get_by_role("searchbox").fill("taco")
    expect(page.get_by_role("status")).to_contain_text("taco")
    card = page.locator("#results > .card").first
    card.hover()
    expect(page.locator("#flag")).to_have_text(card.get_by_role("heading").inner_text())
    first = card.get_attribute("data-id")
    page.mouse.move(0, 0)
    page.locator(f'#markers .dot[data-id="{first}"]').hover(force=True)
    expect(card).to_have_class("card lit")


def test_filters_narrow(page: Page) -> None:
    page.get_by_label("Dish", exact=True).select_option("Fish taco")
    page.get_by_label("Open now").check()
    expect(page.get_by_role("status")).to_contain_text("with fish taco open now")
    expect(page.locator(".hours:not(.open)")).to_have_count(0)


def test_nothing_found_offers_ways_out(page: Page) -> None:
    page.get_by_role("searchbox").fill("zebra")
    expect(page.locator("#empty")).to_be_visible()
    page.get_by_role("button", name="Forget the words").click()
    expect(page.get_by_role("status")).to_have_text("733 trucks")


def test_it_says_that_elasticsearch_is_away_and_recovers(page: Page, es_on_net: ElasticsearchService) -> None:
    with es_on_net.paused():
        page.get_by_role("searchbox").fill("taco")
        expect(page.get_by_role("alert")).to_contain_text("Elasticsearch is unavailable")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("trucks for “taco”")


def test_it_notices_that_elasticsearch_is_away_while_nobody_types(page: Page, es_on_net: ElasticsearchService) -> None:
    with es_on_net.paused():
        expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("page", [{"viewport": {"width": 360, "height": 760}}], indirect=True)
def test_360_pixels_are_enough(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("page", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True)
def test_it_follows_the_readers_colours(page: Page, request: pytest.FixtureRequest) -> None:
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    dark = request.node.callspec.params["page"]["color_scheme"] == "dark"
    assert (red + green + blue < 3 * 128) is dark


def test_the_keyboard_reaches_all(page: Page) -> None:
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.locator(":focus").evaluate("element => element.id || element.className"))
    assert order == ["skip", "q", "dish", "open-now", "name"]


def test_a_screen_reader_is_told_what_is_what(page: Page) -> None:
    for role in ("banner", "main", "searchbox", "status"):
        expect(page.get_by_role(role).first).to_be_attached()
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_label("Dish", exact=True)).to_be_visible()
    expect(page.get_by_label("Open now")).to_be_attached()
