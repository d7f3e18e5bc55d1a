import os
from pathlib import Path

from pytest_foodtrucks import Service, service

IMAGE = os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")

# One for each module, because a service that xdist workers share can't be killed.
ledger = service(
    image=IMAGE,
    command=["python", "/ledger.py"],
    configs={"ledger.py": Path("programs/ledger.py")},
    volumes=["data:/var/lib/data"],
    ports=[5432],
    scope="module",
)
backup = service(image=IMAGE, command=["sleep", "600"], volumes=["data:/data:ro"], requires=["ledger"], scope="module")


def test_what_is_written_is_there_after_a_sudden_death(ledger: Service) -> None:
    ledger.http.put("/order-1", content=b"taco").raise_for_status()
    with ledger.killed():
        assert ledger.container.status == "exited"
    assert ledger.http.get("/order-1").text == "taco"


def test_the_backup_reads_the_same_volume(ledger: Service, backup: Service) -> None:
    ledger.http.put("/order-2", content=b"ramen").raise_for_status()
    assert backup.get("/data/order-2") == b"ramen"


def test_the_backup_cannot_write_there(backup: Service) -> None:
    assert "Read-only file system" in backup.exec(["touch", "/data/order-3"]).stderr
