"""Start the app: settings, Elasticsearch, trucks, server."""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

import waitress

from .elastic import Catalogue, Refused
from .settings import Settings, SettingsError
from .starting import GaveUp, start
from .trucks import trucks
from .web import create_app

_GRACE = 0.3  # seconds for requests under way; one that waits for a silent Elasticsearch would take longer
_THREADS = 8  # a few may wait for Elasticsearch while others answer


def main() -> None:
    """Run until SIGTERM; a start that fails ends with one line that says why, and status 1."""
    # The kernel ignores SIGTERM for process 1 unless it has a handler.
    signal.signal(signal.SIGTERM, _terminate)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    try:
        settings = Settings.from_environment(os.environ)
        catalogue = Catalogue(settings.url)
        count = start(catalogue, list(trucks()), settings)
    except (SettingsError, GaveUp) as error:
        sys.exit(str(error))
    except Refused as error:
        sys.exit(f"Elasticsearch refused the trucks: {error}")
    logging.getLogger(__name__).info("Total trucks loaded:  %d", count)
    # Every address, since a container is reached from its network.
    waitress.serve(create_app(catalogue, settings), host="0.0.0.0", port=5000, threads=_THREADS)  # noqa: S104


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    end = threading.Timer(_GRACE, os._exit, (0,))
    end.daemon = True
    end.start()
    raise SystemExit(0)


if __name__ == "__main__":
    main()
