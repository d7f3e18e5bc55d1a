"""The HTTP connections of a service's client, which can be left for new ones while the client stays."""

import httpx2


def _pool() -> httpx2.HTTPTransport:
    return httpx2.HTTPTransport(trust_env=False)


class Connections(httpx2.BaseTransport):
    """A client's transport whose pool of kept connections can be exchanged.

    A container that comes back at another address resets the connections of its life before, where no proxy of the
    engine's stands between; the pool would hand one to the next request, which fails.
    """

    def __init__(self) -> None:
        self._pool = _pool()
        self._left: list[httpx2.HTTPTransport] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request by the pool of this moment."""
        return self._pool.handle_request(request)

    def renew(self) -> None:
        """Take a new pool; requests on their way keep the one before, until the next renewal."""
        self._close_left()
        self._left.append(self._pool)
        self._pool = _pool()

    def _close_left(self) -> None:
        while self._left:
            self._left.pop().close()

    def close(self) -> None:
        """Close all connections."""
        self._close_left()
        self._pool.close()
