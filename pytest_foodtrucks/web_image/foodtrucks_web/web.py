"""The app's pages, as Flask serves them."""

import logging
import time
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.urls import iri_to_uri

from . import answers
from .settings import Settings
from .trucks import EXPECTED

_log = logging.getLogger(__name__)


def create_app(catalogue: answers.Searchable, settings: Settings) -> Flask:
    """Make the app that asks `catalogue`."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider's

    @app.get("/")
    def index() -> str:
        return render_template("index.html", expected=EXPECTED)

    @app.get("/search")
    def search() -> Response:
        return _json(answers.search(catalogue, request.args))

    @app.get("/healthz")
    def healthz() -> Response:
        return _json(answers.health(catalogue))

    @app.get("/debug")
    def debug() -> Response:
        return _json(answers.debug(catalogue, settings))

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response:
        return _json((error.code, {"error": f"{error.name}: {error.description}"}))

    app.before_request(_note_the_time)
    app.after_request(_stay_home)
    app.after_request(_log_request)
    return app


def _json(answer: tuple[int | None, dict[str, Any]]) -> Response:
    status, body = answer
    response = jsonify(body)
    response.status_code = 500 if status is None else status
    return response


def _note_the_time() -> None:
    g.began = time.monotonic()


def _stay_home(response: Response) -> Response:
    """Let the page load nothing from elsewhere, and run nothing that isn't one of its files."""
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response


def _log_request(response: Response) -> Response:
    """Log a line per request, but none for those that only watch over the app and find it well."""
    if request.path != "/healthz" or response.status_code != HTTPStatus.OK:
        took = (time.monotonic() - g.began) * 1000
        asked = iri_to_uri(request.full_path).rstrip("?")
        _log.info("%s %s %d %.0f ms", request.method, asked, response.status_code, took)
    return response
