"""The labels and names by which things on the engine are known to be ours, and whose they are."""

import re
import secrets
from typing import Final, Literal

Kind = Literal["containers", "networks", "volumes"]
"""What has labels of ours, beside images."""
KINDS: Final[tuple[Kind, ...]] = ("containers", "networks", "volumes")
"""In the order in which they are removed: a container keeps the others in use."""

SESSION_LABEL: Final = "pytest-foodtrucks"
"""The id of the session, or of the kept stack, that a container, a network or a volume belongs to."""
OWNER_LABEL: Final = "pytest-foodtrucks.owner"
"""Who owns it, in JSON: enough to tell whether the owner lives; or `kept`."""
NAME_LABEL: Final = "pytest-foodtrucks.name"
"""The name of what we created. Whatever else has our labels, such as a container of an image that somebody made of one
of ours (`docker commit`), has another name, and is none of ours."""
SERVICE_LABEL: Final = "pytest-foodtrucks.service"
"""A service's alias."""
PART_LABEL: Final = "pytest-foodtrucks.part"
"""The name of a `Part`, for what outlives its fixture; empty for all else, so that nothing has another's by way of an
image that somebody made of a container."""
IMAGE_LABEL: Final = "pytest-foodtrucks.image"
"""The name that a built image has as long as it is the newest one of its folder."""
MADE_FROM_LABEL: Final = "pytest-foodtrucks.made-from"
"""What an image that was derived from another one was made from: a hash of that image's id, the steps and the files."""

_OWN_IMAGE_NAME: Final = re.compile(r"foodtrucks-build/[^:]+:[0-9a-f]+-([0-9a-z]+)-[0-9a-f]{8}")


def own_image_name(lasting: str, session_id: str) -> str:
    """Return the name that an image has for the time of one build, given the one that lasts.

    It tells the session, which may be killed meanwhile: a name has no label.
    """
    return f"{lasting}-{session_id}-{secrets.token_hex(4)}"


def session_of_image_name(name: str) -> str | None:
    """Return the id of the session that gave an image such a name; None for any other name."""
    seen = _OWN_IMAGE_NAME.fullmatch(name)
    return None if seen is None else seen[1]
