"""Connections by ssh: another one where sshd allows no more sessions on those that there are."""

import logging
import shlex
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def ssh_errors() -> tuple[type[Exception], ...]:
    """Return what paramiko raises of a connection, which neither docker-py nor requests wraps; none without paramiko.

    docker-py imports it where it is installed. EOFError is what it raises once the connection is lost.
    """
    paramiko = sys.modules.get("paramiko")
    return () if paramiko is None else (paramiko.SSHException, EOFError)


def is_without_channel(error: Exception) -> bool:
    """Tell whether sshd refused one more session."""
    paramiko = sys.modules.get("paramiko")
    return paramiko is not None and isinstance(error, paramiko.ChannelException)


class Sessions:
    """What docker-py's adapter takes for its one client of paramiko, and for that one's transport.

    `connect` returns a client that is connected. sshd allows 10 sessions on a connection (MaxSessions).
    """

    def __init__(self, first: Any, connect: Callable[[], Any]) -> None:
        self._clients = [first]
        self._connect = connect
        self._lock = threading.Lock()
        logging.getLogger("paramiko.transport").setLevel(logging.CRITICAL)  # it writes each refusal as an error

    def get_transport(self) -> "Sessions | None":
        """Return what opens sessions; None once it is closed."""
        return self if self._clients else None

    def connect(self, **_: Any) -> None:
        """Connect anew."""
        self._clients = [self._connect()]

    def open_session(self) -> Any:
        """Open a session where one is allowed, the latest connection first."""
        with self._lock:
            self._clients = [client for client in self._clients if _is_active(client)]
            for client in reversed(self._clients):
                with suppress(sys.modules["paramiko"].ChannelException):
                    return client.get_transport().open_session()
            self._clients.append(self._connect())
            return self._clients[-1].get_transport().open_session()

    def close(self) -> None:
        """Close all connections; a forked child begins anew, whichever thread of its parent had the lock."""
        clients, self._clients, self._lock = self._clients, [], threading.Lock()
        for client in clients:
            client.close()


def connecting(client: Any, parameters: dict[str, Any]) -> Callable[[], Any]:
    """Return what connects a client like docker-py's first one."""
    paramiko = sys.modules["paramiko"]

    def connect() -> Any:
        another, own = type(client)(), dict(parameters)
        another.load_system_host_keys()
        another.set_missing_host_key_policy(paramiko.RejectPolicy())
        if "sock" in own:  # a command of ssh's configuration, which serves one connection
            own["sock"] = paramiko.ProxyCommand(shlex.join(own["sock"].cmd))
        another.connect(**own)
        return another

    return connect


def _is_active(client: Any) -> bool:
    transport = client.get_transport()
    return transport is not None and bool(transport.is_active())
