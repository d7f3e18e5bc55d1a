import os
from pathlib import Path

from pytest_foodtrucks import Probe, Service, ready, service

shout = service(
    image=os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim"),
    command=["python", "/shout.py"],
    configs={"shout.py": Path("programs/shout.py")},
    ports=["9999/udp"],
    ready=ready.log("listening"),
)

ASK = """
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
client.sendto(b"taco", ("shout", 9999))
print(client.recv(1024).decode())
"""


def test_it_is_reached_by_udp(shout: Service, net_probe: Probe) -> None:
    assert net_probe.connect(shout, "9999/udp").kind == "connected"


def test_it_answers_in_capitals(shout: Service, net_probe: Probe) -> None:
    assert net_probe.run(["python3", "-c", ASK]).stdout == "TACO\n"
