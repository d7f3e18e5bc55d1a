"""What the web app's image is."""

from fakes.session import settings
from pytest_foodtrucks.services import web


def test_it_is_built_from_the_package() -> None:
    build = web.build(settings())
    assert build == {"context": web.FOLDER, "args": {}}
    assert (web.FOLDER / "Dockerfile").is_file()


def test_an_option_names_another_image_and_nothing_is_built() -> None:
    assert web.build(settings(web_image="team/web")) is None


def test_a_mirror_stands_before_the_base_that_the_dockerfile_names() -> None:
    build = web.build(settings(image_prefix="mirror.example"))
    assert build is not None
    base = build["args"]["BASE"].removeprefix("mirror.example/")
    assert f"ARG BASE={base}\n" in (web.FOLDER / "Dockerfile").read_text()
