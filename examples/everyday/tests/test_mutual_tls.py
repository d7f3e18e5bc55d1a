import os
import ssl
from pathlib import Path

import httpx2
import pytest

from pytest_foodtrucks import Service, service


def keys(certificates: Path) -> dict[str, Path]:
    return {name: certificates / name for name in ("ca.crt", "server.crt", "server.key")}


# Not shared by xdist workers, because each worker makes certificates of its own.
vault = service(
    image=os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim"),
    command=["python", "/vault.py"],
    configs={"vault.py": Path("programs/vault.py")},
    secrets=keys,
    ports=[443],
    scheme="https",
    shared=False,
)


@pytest.fixture
def trust(certificates: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates / "ca.crt")


def test_a_client_with_a_certificate_gets_in(vault: Service, trust: ssl.SSLContext, certificates: Path) -> None:
    trust.load_cert_chain(certificates / "client.crt", certificates / "client.key")
    assert httpx2.get(vault.url, verify=trust).text == "gold"


def test_a_client_without_one_does_not(vault: Service, trust: ssl.SSLContext) -> None:
    with pytest.raises(httpx2.TransportError, match=r"certificate required|reset by peer"):
        httpx2.get(vault.url, verify=trust)
