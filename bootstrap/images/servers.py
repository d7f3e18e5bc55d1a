"""The Elasticsearch servers for local images: where they come from, and how they are known to be right."""

import shutil
import zipfile
from pathlib import Path

from bootstrap import debian
from bootstrap.downloads import pinned

DEFAULT = "9.5.0"

SHA256 = {
    "9.5.0": "db0e275fd790f723eca7bcde96069fd6fed304ad23afdb70c8c09553dd9e8b1b",
    "8.8.2": "287ea4823a0dd24a2533eb77d3ba9949c8232240b2f464f3046352429b0125b2",
    "7.17.9": "231f708f602b39359853a6d822525ba695233fe06c2dd5a960bc535bf66b6fc1",
    "6.8.23": "d0499f7103d10c16c4cb575a796a509578053f21130979eda5745968f28b9928",
}
"""Of each version's zip. 6.8 and 7.17 were compared with Maven's own checksums; 8 and 9 have none there."""

_GROUP = "org.elasticsearch.distribution.integ-test-zip"


def unpacked(version: str, context: Path, cache: Path) -> None:
    """Put a server's files into `context`, in the folder `elasticsearch`."""
    with zipfile.ZipFile(_zip(version, cache)) as archive:
        archive.extractall(context)
        for entry in archive.infolist():
            if entry.external_attr >> 16 & 0o100:  # the upper half is the Unix mode, which zipfile leaves out
                (context / entry.filename).chmod(0o755)
    (context / f"elasticsearch-{version}").rename(context / "elasticsearch")


def _zip(version: str, cache: Path) -> Path:
    repository = cache / "maven"
    path = repository.joinpath(*_GROUP.split("."), "elasticsearch", version, f"elasticsearch-{version}.zip")
    return pinned(path, SHA256[version], lambda: _fetch(version, repository))


def _fetch(version: str, repository: Path) -> None:
    if shutil.which("mvn") is None:
        debian.install("maven")
    debian.checked(
        [
            *("mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={repository}"),
            *("dependency:get", f"-Dartifact={_GROUP}:elasticsearch:{version}:zip", "-Dtransitive=false"),
        ],
        remedy="see that Maven reaches a repository, and run again",
    )
