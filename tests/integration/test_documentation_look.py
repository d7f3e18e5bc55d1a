"""The documentation in a browser: both themes, and a phone's width."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from browser import browser  # noqa: F401 - a fixture

from .conftest import ROOT

SHOWN = (
    "index",
    "tutorial/1-default-bridge",
    "how-to/own-app",
    "reference/keywords",
    "reference/classes",
    "reliability",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages."""
    folder = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "sphinx", "--quiet", "docs", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(params=["light", "dark"])
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:  # noqa: F811 - pytest passes the fixture
    """Open a page of a phone's width, in one theme."""
    theme: Literal["light", "dark"] = request.param
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=theme)
    yield page
    page.close()


def brightness(page: Page, element: str, of: str) -> float:
    """Return how bright a colour of an element is, from 0 to 255."""
    colour = page.eval_on_selector(element, f"element => getComputedStyle(element)['{of}']")
    red, green, blue = (float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (red * 299 + green * 587 + blue * 114) / 1000


def test_each_page_fits_a_phone_and_can_be_read(built: Path, phone: Page) -> None:
    for name in SHOWN:
        phone.goto((built / f"{name}.html").as_uri())
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, name
        contrast = brightness(phone, "body", "color") - brightness(phone, "body", "backgroundColor")
        assert abs(contrast) > 125, name


def test_the_front_page_has_its_picture_in_the_theme(built: Path, phone: Page) -> None:
    phone.goto((built / "index.html").as_uri())
    dark = brightness(phone, "body", "backgroundColor") < 128
    (shown,) = [image for image in phone.locator("article img").all() if image.is_visible()]
    assert ("dark" if dark else "light") in str(shown.get_attribute("src"))
    assert shown.evaluate("image => image.naturalWidth") > 0
