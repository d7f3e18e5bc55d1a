import os

from pytest_foodtrucks import job, ready, service

BUILD = {"context": "reviews", "args": {"BASE": os.environ.get("EXAMPLE_PYTHON_IMAGE", "python:3.13-slim")}}
ENVIRONMENT = {"ES_URL": "http://es:9200"}

migrate = job(build=BUILD, command=["python", "migrate.py"], environment=ENVIRONMENT, requires=["es_on_net"])
web_on_net = service(
    build=BUILD, environment=ENVIRONMENT, ports=[8000], requires=["migrate"], ready=ready.http("/health")
)
