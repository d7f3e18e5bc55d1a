"""Files of containers, running or not: put there and got from there as tar archives, by no program inside."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import IO, Any, Final, TypeVar

from . import patience
from .asking import if_found
from .containers import ContainerRequests
from .inspected import PathInfo

T = TypeVar("T")

_HEADER: Final = "X-Docker-Container-Path-Stat"


class ArchiveRequests(ContainerRequests):
    """What an engine is asked about files of containers. It sees no file systems in memory, nor /proc, /sys, /dev.

    It answers 500 to what can't be, such as a file where a folder is, and isn't asked again for that.
    """

    def path_info(self, container: str, path: str) -> PathInfo | None:
        """Return what there is at a path, itself a link or not; None where nothing is."""

        def look() -> PathInfo:
            api: Any = self.api
            url = api._url("/containers/{0}/archive", container)  # noqa: SLF001 - as its methods do
            answer = api.head(url, params={"path": path}, timeout=api.timeout)
            api._raise_for_status(answer)  # noqa: SLF001 - likewise
            return _info(answer.headers)

        what = f"look at {path} in the container {container}"
        return if_found(lambda: self._ask(what, look, policy=patience.change))

    def put_archive(self, container: str, folder: str, archive: IO[bytes]) -> None:
        """Unpack a tar archive in a folder; no folder there is replaced by a file, as docker-py's own request would."""
        params = {"path": folder, "noOverwriteDirNonDir": "true"}

        def put() -> None:
            archive.seek(0)  # it may be sent a second time
            api: Any = self.api
            url = api._url("/containers/{0}/archive", container)  # noqa: SLF001 - as its methods do
            api._raise_for_status(api._put(url, params=params, data=archive))  # noqa: SLF001 - likewise

        self._ask(f"put files into {folder} of the container {container}", put, policy=patience.change)

    def get_archive(self, container: str, path: str, take: Callable[[PathInfo, IO[bytes]], T]) -> T:
        """Hand what there is at a path to `take`, with its tar archive as a stream, and return what it makes of them.

        Where the engine is asked again `take` is called anew.
        """

        def read() -> T:
            with closing(self._get_stream("/containers/{0}/archive", container, params={"path": path})) as answer:
                return take(_info(answer.headers), answer.raw)

        return self._ask(f"read {path} of the container {container}", read, policy=patience.change)


def _info(headers: Mapping[str, str]) -> PathInfo:
    about = json.loads(base64.b64decode(headers[_HEADER]))
    return PathInfo(about["mode"], about.get("linkTarget", ""))
