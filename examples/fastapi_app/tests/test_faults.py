from pytest_foodtrucks import OwnStack


def test_the_app_says_that_elasticsearch_is_away_and_is_well_afterwards(own_stack: OwnStack) -> None:
    web = own_stack.web_client  # before the fault: what isn't asked for isn't started
    with own_stack.es.paused():
        assert web.get("/trucks/El Gordo").status_code == 503
    assert web.get("/trucks/El Gordo").json() == {"reviews": 0, "stars": None}
