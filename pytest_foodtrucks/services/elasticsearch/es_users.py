"""Who may ask an Elasticsearch: the tests' own user, as files of the node, and users and API keys of one test."""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_foodtrucks.containers.archives import Packed
from pytest_foodtrucks.errors import FoodtrucksError
from pytest_foodtrucks.services.access import Password

from .es_contents import Server, reason_of

if TYPE_CHECKING:
    import httpx2

USER: Final = "foodtrucks"
"""The tests' own user, who may do anything. Not `elastic`: its password would have to go into the container."""

UID: Final = 1000
"""The user of Elasticsearch's images; their group is root's."""

_ROUNDS: Final = 1000
"""The fewest that Elasticsearch has a name for (pbkdf2_1000): a random password of 256 bits needs no slow hash."""


def new_password() -> Password:
    """Return a password that nobody else has."""
    return Password(secrets.token_urlsafe(32))


def files(user: str, password: str) -> list[Packed]:
    """Return the files of the file realm that make a user who may do anything.

    The node reads them when it starts, so it knows the user with its first answer: no index has to be made first, and
    no password comes near the container, but its hash (elastic docs, "File-based user authentication").
    """
    about = {"users": f"{user}:{hashed(password)}\n", "users_roles": f"superuser:{user}\n"}
    return [Packed(name, content.encode(), mode=0o660, uid=UID) for name, content in about.items()]


def hashed(password: str) -> str:
    """Return a password's hash as the file realm has it: PBKDF2 with HMAC-SHA-512, its rounds, salt and 32 bytes."""
    salt = secrets.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, dklen=32)
    return f"{{PBKDF2}}{_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def api_key(server: Server, *, role_descriptors: Mapping[str, Any] | None, expiration: str | None) -> str:
    """Make an API key, and return it as `Elasticsearch(api_key=…)` takes it."""
    asked = {
        "name": f"foodtrucks-{secrets.token_hex(6)}",
        "role_descriptors": role_descriptors,
        "expiration": expiration,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    answer = _asked(server, "POST", "/_security/api_key", "an API key can't be made", body).json()
    return base64.b64encode(f"{answer['id']}:{answer['api_key']}".encode()).decode()  # 7.15 and older don't encode it


@contextmanager
def user(server: Server, roles: Sequence[str]) -> Iterator[tuple[str, Password]]:
    """Yield the name and password of a new user with roles, and delete it."""
    name, password = f"foodtrucks-{secrets.token_hex(6)}", new_password()
    path = f"/_security/user/{name}"
    _asked(server, "POST", path, "a user can't be made", {"password": password, "roles": list(roles)})
    try:
        yield name, password
    finally:
        _asked(server, "DELETE", path, f"the user {name} can't be deleted")


def _asked(
    server: Server, method: str, path: str, what: str, body: Mapping[str, Any] | None = None
) -> "httpx2.Response":
    """Return a server's answer; FoodtrucksError where it refuses, or gives none. What is deleted already is fine."""
    import httpx2  # noqa: PLC0415 - only sessions that start something pay for it

    try:
        answer = server.http.request(method, path, json=body)
    except httpx2.HTTPError as error:
        raise FoodtrucksError(f"In Elasticsearch {what}: {error}. Remedy: see why it is away.") from error
    if not answer.is_success and (method, answer.status_code) != ("DELETE", HTTPStatus.NOT_FOUND):
        raise FoodtrucksError(f"In Elasticsearch {what}: {reason_of(answer)}. Remedy: mend what it says.")
    return answer
