"""The volumes of an engine in memory, and the files that were put into its containers."""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, TypeVar

from pytest_foodtrucks.engine.inspected import PathInfo
from pytest_foodtrucks.errors import EngineError

from .engine_networks import FakeNetworks

T = TypeVar("T")

FOLDER, LINK = 1 << 31, 1 << 27


class FakeVolumes(FakeNetworks):
    """Volumes, which the creation of a container that mounts them makes, and files of containers by their paths.

    `files` has what was put into each container; what was put where a volume is, is in `contents` of that. `subpaths`
    is whether the engine mounts a single file of a volume.
    """

    def __init__(self, *, host: str, local: bool) -> None:
        super().__init__(host=host, local=local)
        self.volumes: dict[str, dict[str, str]] = {}
        self.contents: dict[str, dict[str, tarfile.TarInfo]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.links: dict[str, str] = {}
        self.put_error: EngineError | None = None
        self.subpaths = False

    @property
    def mounts_subpaths(self) -> bool:
        return self.subpaths

    def mountpoint(self, volume: str) -> str:
        return f"/var/lib/engine/{volume}"

    def make_volumes(self, config: Mapping[str, Any]) -> None:
        for mount in mounts_of(config):
            if mount["Type"] == "volume" and "Source" in mount:
                labels = mount.get("VolumeOptions", {}).get("Labels", {})
                self.volumes.setdefault(mount["Source"], labels)
                self.contents.setdefault(mount["Source"], {})

    def _users(self, volume: str) -> list[str]:
        return [
            container
            for container, about in self.containers.items()
            if any(mount.get("Source") == volume for mount in mounts_of(about["Config"]))
        ]

    def remove_volume(self, volume: str) -> None:
        if volume in self.volumes and self._users(volume):
            raise EngineError(f"remove {volume}: volume is in use", status=409)
        self.volumes.pop(volume, None)
        self.contents.pop(volume, None)

    def remove_unused_volume(self, volume: str) -> None:
        if not self._users(volume):
            self.remove_volume(volume)

    # files

    def path_info(self, container: str, path: str) -> PathInfo | None:
        if path in self.links:
            return PathInfo(LINK, self.links[path])
        known = [*self.files.get(container, ()), "/etc/passwd"]
        there = any(f"{file}/".startswith(f"{path}/") for file in known)
        return PathInfo(0o644 if path in known else FOLDER, "") if there else None

    def put_archive(self, container: str, folder: str, archive: IO[bytes]) -> None:
        if self.put_error is not None:
            raise self.put_error
        archive.seek(0)
        mounts = mounts_of(self.containers[container]["Config"])
        volume = next((mount["Source"] for mount in mounts if mount["Target"] == folder), None)
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                if volume is not None:
                    self.contents[volume][member.name] = member
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    self.files.setdefault(container, {})[f"{folder.rstrip('/')}/{member.name}"] = file.read()

    def get_archive(self, container: str, path: str, take: Callable[[PathInfo, IO[bytes]], T]) -> T:
        files = self.files.get(container, {})
        if path in self.links:
            return take(PathInfo(LINK, self.links[path]), io.BytesIO())
        if path not in files and self.path_info(container, path) is not None:
            return take(PathInfo(FOLDER, ""), io.BytesIO())
        if path not in files:
            raise EngineError("no", status=404, reason=f"Could not find the file {path} in container {container}")
        about = tarfile.TarInfo(path.rpartition("/")[2])
        about.size = len(files[path])
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(about, io.BytesIO(files[path]))
        packed.seek(0)
        return take(PathInfo(0o644, ""), packed)


def mounts_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a container was created with."""
    found: list[dict[str, Any]] = config["HostConfig"].get("Mounts", [])
    return found


def listed_mounts(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the same as the engine lists it."""
    for mount in mounts_of(config):
        yield {"Type": mount["Type"], "Destination": mount["Target"]}
