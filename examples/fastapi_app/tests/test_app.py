import httpx2
from elasticsearch import Elasticsearch

from pytest_foodtrucks import Job


def test_the_migration_made_the_index(migrate: Job, es_client: Elasticsearch) -> None:
    assert migrate.logs() == "created the index reviews\n"
    assert es_client.indices.get_mapping(index="reviews")["reviews"]["mappings"]["dynamic"] == "strict"


def test_the_stars_of_a_truck_are_averaged(web_client: httpx2.Client) -> None:
    for stars in (3, 4):
        web_client.post("/reviews", json={"truck": "El Gordo", "stars": stars}).raise_for_status()
    web_client.post("/reviews", json={"truck": "El Flaco", "stars": 1}).raise_for_status()
    assert web_client.get("/trucks/El Gordo").json() == {"reviews": 2, "stars": 3.5}


def test_six_stars_are_refused(web_client: httpx2.Client) -> None:
    answer = web_client.post("/reviews", json={"truck": "El Gordo", "stars": 6})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "stars"]
