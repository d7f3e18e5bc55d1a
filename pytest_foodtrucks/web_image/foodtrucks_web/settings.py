"""What the environment says: where Elasticsearch is, and how long to wait for it."""

from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(Exception):
    """A variable has a value that can't be used."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where Elasticsearch is found, and for how many seconds to wait until it is ready."""

    host: str = "es"
    port: int = 9200
    wait: float = 60.0

    @property
    def url(self) -> str:
        """The address of Elasticsearch, with brackets around an IPv6 host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `ES_HOST`, `ES_PORT` and `ES_WAIT`; what is unset keeps its default."""
        settings = cls(
            host=environment.get("ES_HOST", cls.host),
            port=int(_number(environment, "ES_PORT", cls.port, low=1, high=65535, whole=True)),
            wait=_number(environment, "ES_WAIT", cls.wait, low=0, high=86400),
        )
        if not settings.host:
            raise SettingsError("ES_HOST is empty: give a host name or an address, such as 'es'")
        return settings


def _number(
    environment: Mapping[str, str], name: str, default: float, *, low: int, high: int, whole: bool = False
) -> float:
    """Read one number within its bounds (which refuse NaN too)."""
    text = environment.get(name)
    if text is None:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise SettingsError(f"{name}={text!r} is not {kind} from {low} to {high}")
    return value
