"""What sessions have on the engine."""

from fakes.engine import FakeEngine
from pytest_foodtrucks.engine.labels import OWNER_LABEL
from soak.onengine import owned


def test_kept_things_are_not_those_of_a_session_that_never_had_a_state_folder() -> None:
    engine = FakeEngine()
    engine.create_network("net", driver="bridge", internal=False, labels={OWNER_LABEL: "kept"})
    assert owned(engine, {None}) == set()
