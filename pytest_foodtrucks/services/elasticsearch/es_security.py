"""What makes an Elasticsearch a secured one: its settings, the files that it needs, and what contradicts them."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_foodtrucks.containers.archives import Packed, PlacedFiles
from pytest_foodtrucks.errors import DefinitionError
from pytest_foodtrucks.options import SECURITY_MODES
from pytest_foodtrucks.services.access import Keys
from pytest_foodtrucks.values import matching, shown

from . import es_users
from .es_environment import setting_of

mode: Final = matching("|".join(SECURITY_MODES), f"use one of: {', '.join(SECURITY_MODES)}")
"""The check of the keyword `security`."""

_KEY: Final = "foodtrucks.key"
_CERTIFICATE: Final = "foodtrucks.crt"
_LOOKS_EVERY: Final = "100ms"
"""How often a node looks at its files of users; by default every 5 s."""
_ON: Final = "xpack.security.enabled"
_TLS: Final = "xpack.security.http.ssl.enabled"


@dataclass(frozen=True)
class ElasticsearchSecurity:
    """Users and passwords, with `tls` over HTTPS; `folder` is the container's with the node's configuration."""

    tls: bool
    folder: str = es_users.CONFIG

    def made(self, names: Sequence[str]) -> tuple[Keys, PlacedFiles]:
        """Return a new user and certificate, and the files of these that the node reads."""
        password = es_users.new_password()
        files = es_users.files(es_users.USER, password)
        if not self.tls:
            return Keys(es_users.USER, password), PlacedFiles(self.folder, files)
        from .es_certificates import certified  # noqa: PLC0415 - it needs an extra

        made = certified(names)
        files += [
            Packed(_CERTIFICATE, made.certificate, mode=0o444, uid=es_users.UID),
            Packed(_KEY, made.key, mode=0o440, uid=es_users.UID),
        ]
        return Keys(es_users.USER, password, made.ca), PlacedFiles(self.folder, files)


def security(mode: str, environment: Mapping[str, str]) -> ElasticsearchSecurity | None:
    """Return what secures a node; None where nothing does. DefinitionError where the extra `tls` isn't installed."""
    if mode == "off":
        return None
    if mode == "tls" and importlib.util.find_spec("cryptography") is None:
        raise DefinitionError(
            "security='tls' makes certificates with the library cryptography, which isn't installed. Remedy: "
            "pip install 'pytest-foodtrucks[tls]', or give security='basic'."
        )
    return ElasticsearchSecurity(mode == "tls", environment.get("ES_PATH_CONF", es_users.CONFIG))


def variables(security: ElasticsearchSecurity | None, version: tuple[int, int]) -> dict[str, str]:
    """Return the settings of a secured node of a version; none where nothing secures it.

    Before 8 API keys are off where HTTP isn't secured. Since 8 a node that starts for the first time would make
    certificates of its own, and tell a password in its log.
    """
    if security is None:
        return {}
    found = {_ON: "true", "resource.reload.interval.high": _LOOKS_EVERY}
    found |= {"xpack.security.autoconfiguration.enabled": "false"} if version >= (8, 0) else {}
    found |= {"xpack.security.authc.api_key.enabled": "true"} if version < (8, 0) else {}
    if security.tls:
        ssl = "xpack.security.http.ssl"
        found |= {_TLS: "true", f"{ssl}.key": _KEY, f"{ssl}.certificate": _CERTIFICATE}
    return found


def refuse_contradiction(mode: str, environment: Mapping[str, str], scheme: str | None) -> None:
    """Raise DefinitionError for settings in `environment` that say another security than the keyword.

    The readiness check would have no password, or no certificate, and wait in vain.
    """
    wanted = {_ON: mode != "off", _TLS: mode == "tls"}
    for name, value in environment.items():
        setting = setting_of(name)
        if setting in wanted and value.strip().lower() != str(wanted[setting]).lower():
            instead = "tls" if setting == _TLS else "basic' or security='tls"
            remedy = f"leave it out, and give security='{instead if value != 'false' else 'off'}'"
            raise DefinitionError(
                f"environment has {name}={shown(value)}, and security={mode!r} says another: the tests would have no "
                f"password and no certificate that fit. Remedy: {remedy}."
            )
    if scheme is not None and mode == "tls" and scheme != "https":
        raise DefinitionError(
            f"scheme={shown(scheme)}, and security='tls' makes it https. Remedy: leave one of them out."
        )
