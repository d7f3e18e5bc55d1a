"""The HTTP connections of a service's client: left for new ones while the client stays, asked for a bounded answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import httpx2

from pytest_foodtrucks.clock import monotonic

if TYPE_CHECKING:
    import ssl

LONGEST_BODY: Final = 1_000_000
"""Bytes of a body that readiness reads: what is asked about is in its first ones."""


class Connections(httpx2.BaseTransport):
    """A client's transport whose pool of kept connections can be exchanged.

    A container that comes back at another address resets the connections of its life before, where no proxy of the
    engine's stands between; the pool would hand one to the next request, which fails. `verify` is what the certificates
    of servers are verified by.
    """

    def __init__(self, *, verify: "ssl.SSLContext | bool" = True) -> None:
        self._verify = verify
        self._pool = self._new_pool()
        self._left: list[httpx2.HTTPTransport] = []

    def _new_pool(self) -> httpx2.HTTPTransport:
        return httpx2.HTTPTransport(verify=self._verify, trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request by the pool of this moment."""
        return self._pool.handle_request(request)

    def renew(self) -> None:
        """Take a new pool; requests on their way keep the one before, until the next renewal."""
        self._close_left()
        self._left.append(self._pool)
        self._pool = self._new_pool()

    def _close_left(self) -> None:
        while self._left:
            self._left.pop().close()

    def close(self) -> None:
        """Close all connections."""
        self._close_left()
        self._pool.close()


def fetch(
    client: httpx2.Client, url: str, *, timeout: float, clock: Callable[[], float] = monotonic
) -> tuple[int, str]:
    """GET a URL and return its status and its body, of a long one the beginning.

    `timeout` is in seconds, for the whole body too: a client's own time-out begins anew with each piece. Raises
    TransportError where no answer comes, ReadTimeout where it doesn't end.
    """
    until = clock() + timeout
    with client.stream("GET", url, timeout=timeout, headers={"Accept-Encoding": "identity"}) as response:
        try:
            body = _beginning(response, lambda: clock() >= until)
        except httpx2.ReadTimeout as error:
            raise httpx2.ReadTimeout(f"the answer didn't end within {timeout:g} s") from error
    return response.status_code, httpx2.Response(response.status_code, headers=response.headers, content=body).text


def _beginning(response: httpx2.Response, is_late: Callable[[], bool]) -> bytes:
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) >= LONGEST_BODY:
            break
        if is_late():
            raise httpx2.ReadTimeout("its time is over")
    return bytes(body[:LONGEST_BODY])
