import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority of our own, and what it signed: `server` and `client`, as .crt and .key."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *more: str) -> None:
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        files = f"-subj /CN={name} -keyout {name}.key -out {name}.crt"
        subprocess.run([*request.split(), *files.split(), *more], cwd=folder, check=True)

    make("ca", "-addext", "keyUsage=critical,keyCertSign")
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-extensions", "usr_cert"]
    make("server", *signed, "-addext", "subjectAltName=DNS:vault,DNS:localhost,IP:127.0.0.1")
    make("client", *signed)
    return folder
