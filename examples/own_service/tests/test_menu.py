import httpx2

from pytest_foodtrucks import Service


def test_the_app_serves_what_the_seed_put_there(web_client: httpx2.Client) -> None:
    assert sorted(web_client.get("/dishes").json()) == ["falafel", "ramen", "taco"]


def test_orders_are_counted_in_redis(web_client: httpx2.Client, redis: Service) -> None:
    assert web_client.post("/orders/taco").json() == {"dish": "taco", "orders": 1}
    assert web_client.post("/orders/taco").json() == {"dish": "taco", "orders": 2}
    assert redis.container.exec(["redis-cli", "get", "orders:taco"]).stdout == "2\n"


def test_an_unknown_dish_is_refused(web_client: httpx2.Client) -> None:
    assert web_client.post("/orders/pizza").status_code == 404
