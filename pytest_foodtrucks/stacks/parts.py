"""The parts of a stack that outlive their fixture: shared by xdist workers, or kept for the next session."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_foodtrucks.errors import DefinitionError, EngineError, StartError
from pytest_foodtrucks.sessions.state_key import keyed

from . import sharing
from .lent_stack import REMEDY, VARIABLE

if TYPE_CHECKING:
    from .kept_stack import KeptStack
    from .part_records import PartRecords
    from .stack import Stack

T = TypeVar("T")


class Part(Protocol[T]):
    """A network or a service: how it is started, found again and taken over."""

    @property
    def key(self) -> str:
        """What tells it from the other parts of one session."""

    @property
    def name(self) -> str:
        """What finds it again in the next session."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def values(self) -> Mapping[str, object]:
        """What must be the same in all workers that share it, by words that a reader understands."""

    @property
    def why_not_kept(self) -> str | None:
        """Say why the next session can't have it; None where it may: it can be put back to how it was."""

    def made_from(self) -> Mapping[str, object]:
        """Return all that it is made from, by such words."""

    def start(self) -> T:
        """Start it."""

    def dump(self, value: T, /) -> Mapping[str, Any]:
        """Return where it is, for `load`."""

    def load(self, about: Mapping[str, Any], /) -> T:
        """Return the one that somebody else started, given what `dump` wrote."""

    def take_over(self, value: T, about: Mapping[str, Any], /) -> object:
        """Make the one that an earlier session left fit for this one; EngineError or StartError where it isn't well."""

    def clear(self, kept: Mapping[str, Any] | None, /) -> None:
        """Remove whatever is there of it, and of nothing else.

        That is: the one in `kept`, which an earlier session left, or one that was half started.
        """


def shared(stack: "Stack", part: Part[T]) -> AbstractContextManager[T]:
    """Yield a part: started here, or taken over from another worker or an earlier session."""
    digest = keyed(stack.session.state_folder)

    def begin() -> T:
        lent = None if stack.borrowed is None else stack.borrowed.record(part.name)
        if lent is not None:
            return _borrowed(lent, part, digest, say=stack.say)
        if stack.kept_stack is not None:
            return _take_or_start(stack.kept_stack, part, digest, say=stack.say)
        part.clear(None)  # of a worker that died while it started the same
        return part.start() if stack.lent is None else _started_for_others(stack.lent, part, digest)

    def refuse_other(words: Sequence[str]) -> None:
        if stack.worker is None:
            return  # this session's own fixture, with another parameter now: the one before has been torn down
        raise DefinitionError(
            f"The service {part.title!r} is shared by xdist's workers, and here, in {stack.worker}, this differs from "
            f"what it was started with: {', '.join(words)}. Remedy: give shared=False, for one of each worker's own, "
            "or see that it is defined with the same values in all workers."
        )

    return sharing.shared(stack.session.folder, part, digest=digest, on_other=refuse_other, start=begin)


def _borrowed(
    record: Mapping[str, Any], part: Part[T], digest: Callable[[str], str], *, say: Callable[[str], None]
) -> T:
    """Take a part over from the stack of `foodtrucks run`; StartError where it differs or isn't well.

    None can be started in its place: this one stays on the network, under the same name.
    """
    try:
        _refuse_changed(record["made_from"], sharing.fingerprints(part.made_from(), digest))
        value = part.load(record["value"])
        part.take_over(value, record["value"])
    except (EngineError, StartError, _Differs) as reason:
        raise StartError(
            f"{part.title} can't be taken over from `foodtrucks run`, whose stack {VARIABLE} names: "
            f"{_first_sentence(str(reason))}. Remedy: define it, and give the options, as where `foodtrucks run` "
            f"started it; or {REMEDY}."
        ) from reason
    say(f"{part.title} is taken over from `foodtrucks run`")
    return value


def _started_for_others(lent: "PartRecords", part: Part[T], digest: Callable[[str], str]) -> T:
    """Start a part, and record it for the session that borrows it."""
    value = part.start()
    lent.write(part.name, _record(part, value, sharing.fingerprints(part.made_from(), digest)))
    return value


def _record(part: Part[T], value: T, made_from: Mapping[str, str]) -> Mapping[str, Any]:
    return {"name": part.name, "made_from": made_from, "value": part.dump(value)}


def _take_or_start(kept: "KeptStack", part: Part[T], digest: Callable[[str], str], *, say: Callable[[str], None]) -> T:
    """Take a part over from a kept stack; where that can't be, say why and start it anew."""
    record = kept.record(part.name)
    if part.why_not_kept is not None:
        say(f"{part.title} isn't kept for the next session: {part.why_not_kept}")
        kept.forget(part.name)
        part.clear(None if record is None else record["value"])
        return part.start()
    made_from = sharing.fingerprints(part.made_from(), digest)
    if record is not None:
        try:
            _refuse_changed(record["made_from"], made_from)
            value = part.load(record["value"])
            part.take_over(value, record["value"])
        except (EngineError, StartError, _Differs) as reason:
            say(f"{part.title} of the kept stack is replaced: {_first_sentence(str(reason))}")
        else:
            say(f"{part.title} is taken over from the kept stack")
            return value
        kept.forget(part.name)
    part.clear(None if record is None else record["value"])
    value = part.start()
    meanwhile = sharing.differing(made_from, sharing.fingerprints(part.made_from(), digest))
    if meanwhile:  # an image's tag that somebody moved: nobody knows which one it was made from
        say(f"{part.title} isn't kept: its {' and its '.join(meanwhile)} changed while it was started")
    else:
        kept.write(part.name, _record(part, value, made_from))
    return value


class _Differs(Exception):
    """What was kept is made from something else."""


def _refuse_changed(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    words = sharing.differing(before, now)
    if words:
        raise _Differs(f"its {' and its '.join(words)} changed.")


def _first_sentence(text: str) -> str:
    return text.partition("Remedy: ")[0].partition("\n")[0].strip().rstrip(".")
