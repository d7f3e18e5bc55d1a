"""This machine's clock and its look-up of names, in memory."""

import socket


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class Names(dict[str, tuple[str, ...]]):
    """What this machine's look-up has, instead of getaddrinfo; `asked` are the names that were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __call__(self, host: str, port: None, *, type: int) -> list[tuple[object, ...]]:  # noqa: A002 - its name there
        del port
        self.asked.append(host)
        if host.lower() not in self:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, type, 6, "", (address, 0)) for address in self[host.lower()]]
