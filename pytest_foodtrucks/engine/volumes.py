"""Volumes on the engine: where they are, and their removal. A container's creation makes those that it names."""

from http import HTTPStatus
from typing import Final

from pytest_foodtrucks.errors import EngineError

from . import patience
from .asking import EngineClient, gone_is_fine
from .versions import at_least

_SUBPATHS_SINCE: Final = "1.45"
"""The version of the API, Docker 26's, since which a file of a volume can be mounted by itself."""


class VolumeRequests(EngineClient):
    """What an engine is asked about volumes; a volume's name is its id."""

    @property
    def mounts_subpaths(self) -> bool:
        """Tell whether it can mount a single file, or one folder, of a volume."""
        return at_least(self.api.api_version, _SUBPATHS_SINCE)

    def mountpoint(self, volume: str) -> str:
        """Return the path of a volume's files on the engine's machine."""
        return str(self._ask(f"inspect the volume {volume}", lambda: self.api.inspect_volume(volume))["Mountpoint"])

    def remove_volume(self, volume: str) -> None:
        """Remove a volume; one that is gone counts as removed."""
        with gone_is_fine():
            self._ask(f"remove the volume {volume}", lambda: self.api.remove_volume(volume), policy=patience.removal)

    def remove_unused_volume(self, volume: str) -> None:
        """Remove a volume unless a container has it, whether that runs or not."""
        try:
            with gone_is_fine():
                self._ask(f"remove the volume {volume}", lambda: self.api.remove_volume(volume))
        except EngineError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
