"""Sends seed files to a server: definitions by their own paths, documents by the client's bulk helper."""

import importlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pytest_foodtrucks.callers import Place
from pytest_foodtrucks.containers.progress import Documents
from pytest_foodtrucks.errors import DefinitionError, StartError

from .es_bulk_lines import Action, actions_in
from .es_contents import reason_of
from .es_requests import PATIENCE, answering, put
from .es_seed_files import SeedFile, SeedKind, unreadable
from .es_versions import TYPELESS, has_composable_templates, needs_types, typeless

if TYPE_CHECKING:
    import httpx2

    from .es import ElasticsearchService

_CHUNK_DOCUMENTS: Final = 1000
_CHUNK_BYTES: Final = 5_000_000
"""At most so much in one request; a small heap must hold it."""
_SHOWN_FROM: Final = 1_000_000
"""Bytes. With less it is done before anybody could read that it goes on."""
_TOLD_EACH: Final = 1000
"""Documents."""

_FILLED: Final = "it was filled from files"

Update = Callable[[Mapping[str, Any]], None]


def fill(service: "ElasticsearchService", files: Sequence[SeedFile]) -> None:
    """Send files to a service, in this order, and refresh, so that all that they hold is found and counted."""
    documents = [file for file in files if file.kind is SeedKind.DOCUMENTS]
    client = service.client if documents else None  # raises before anything is sent
    with answering(service, _FILLED):
        for file in files:
            if file.kind is not SeedKind.DOCUMENTS:
                _refuse_failed(service, file, _put(service, file))
    with _shown(service, documents) as update:
        for file in documents:
            _Sending(client, service, file).go(update)
    with answering(service, _FILLED):
        service.http.post("/_refresh", timeout=PATIENCE).raise_for_status()


# definitions


def _put(service: "ElasticsearchService", file: SeedFile) -> "httpx2.Response":
    name, body = quote(file.name, safe=""), file.definition()
    if file.kind is SeedKind.PIPELINE:
        return put(service, f"/_ingest/pipeline/{name}", body)
    if file.kind is SeedKind.INDEX:
        return put(service, f"/{name}", body, params=typeless(service.version))
    if _is_composable(body) and has_composable_templates(service.version):
        return put(service, f"/_index_template/{name}", body)
    plain = _as_old_template(service, file, body) if _is_composable(body) else body
    return put(service, f"/_template/{name}", plain, params=typeless(service.version))


def _is_composable(body: Mapping[str, Any]) -> bool:
    """Tell whether an index template is of the kind that came with 7.8: it has settings and mappings one deeper."""
    return {"settings", "mappings", "aliases", "order"}.isdisjoint(body)


def _as_old_template(service: "ElasticsearchService", file: SeedFile, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index template for a server that has only the old kind; DefinitionError where that says less."""
    rest = {key: value for key, value in body.items() if key not in {"template", "priority", "_meta"}}
    unknown = sorted(rest.keys() & {"composed_of", "data_stream"})
    if unknown:
        raise DefinitionError(
            f"{file} has {' and '.join(unknown)}, which {service.alias} ({service.version}) doesn't know. Remedy: "
            "leave that out, or run a server from 7.9 on."
        )
    order = {"order": body["priority"]} if "priority" in body else {}
    return {**rest, **order, **body.get("template", {})}


def _refuse_failed(service: "ElasticsearchService", file: SeedFile, answer: "httpx2.Response") -> None:
    if not answer.is_success:
        raise DefinitionError(
            f"{file}: {service.alias} ({service.version}) refused this {_WORDS[file.kind]} ({reason_of(answer)}). "
            "Remedy: mend the file."
        )


_WORDS: Final = {
    SeedKind.PIPELINE: "ingest pipeline",
    SeedKind.TEMPLATE: "index template",
    SeedKind.INDEX: "index",
}


# documents


class _Sending:
    """Sends the documents of one file, and knows which lines have no answer yet."""

    def __init__(self, client: Any, service: "ElasticsearchService", file: SeedFile) -> None:
        self._has_options = hasattr(client, "options")  # since 8
        self._client = client.options(request_timeout=PATIENCE) if self._has_options else client
        self._service = service
        self._file = file
        self._type = {"_type": TYPELESS} if needs_types(service.version) else {}
        self._unanswered: deque[tuple[int, int]] = deque()
        """Of each action the number of its line, and how many bytes of the file it ends at."""

    def go(self, update: Update) -> None:
        """Send them; DefinitionError for the first that is refused, and nothing is sent behind its request."""
        told = 0
        with self._answering():
            for number, (ok, result) in enumerate(self._results(), 1):
                line, end = self._unanswered.popleft()  # results come in the order of the actions
                if not ok:
                    raise self._refused(line, result)
                if number % _TOLD_EACH == 0:
                    update({"documents": _TOLD_EACH, "bytes": end - told})
                    told = end

    def _results(self) -> Any:
        helpers: Any = importlib.import_module("elasticsearch.helpers")
        return helpers.streaming_bulk(
            self._client,
            self._actions(),
            chunk_size=_CHUNK_DOCUMENTS,
            max_chunk_bytes=_CHUNK_BYTES,
            expand_action_callback=self._expanded,
            raise_on_error=False,
            **({} if self._has_options else {"request_timeout": PATIENCE}),
        )

    def _actions(self) -> Iterator[Action]:
        for action in actions_in(self._file.path, index=self._file.name):
            self._unanswered.append((action.line, action.end))
            yield action

    def _expanded(self, action: Action) -> tuple[dict[str, Any], str | None]:
        return {action.operation: {**self._type, **action.about}}, action.document

    def _refused(self, line: int, result: Mapping[str, Any]) -> DefinitionError:
        ((operation, about),) = result.items()
        thing = "this document" if operation in {"index", "create"} else f"to {operation} {about.get('_id')}"
        return DefinitionError(
            f"{Place(self._file.path, line)}: {self._service.alias} ({self._service.version}) refused {thing} "
            f"({about.get('status')}: {_reason(about.get('error', about.get('result')))}). Remedy: mend it, or what "
            f"the index {about.get('_index')} takes."
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise StartError where a request is refused as a whole, or has no answer."""
        errors: Any = importlib.import_module("elasticsearch")
        try:
            yield
        except (errors.TransportError, getattr(errors, "ApiError", errors.TransportError)) as error:
            line = self._unanswered[0][0] if self._unanswered else 1
            raise StartError(
                f"{Place(self._file.path, line)}: {self._service.alias} took no request that begins with this line: "
                f"{error}. Remedy: mend what it names; a server without enough memory needs a larger heap=."
            ) from error


def _reason(error: object) -> str:
    """Return the server's words for why it refused something, and for what caused that."""
    words = []
    while isinstance(error, Mapping):
        words.append(f"{error.get('type')}: {error.get('reason')}")
        error = error.get("caused_by")
    return ", caused by ".join(dict.fromkeys(words)) if words else str(error)


# around them


def _shown(service: "ElasticsearchService", documents: Sequence[SeedFile]) -> AbstractContextManager[Update]:
    """Show how far it is, where it may take a while."""
    total = sum(map(_size, documents))
    if total < _SHOWN_FROM:
        return nullcontext(lambda _: None)
    what = documents[0].path.name if len(documents) == 1 else f"{len(documents)} files"
    return service.__foodtrucks__.stack.working(f"filling {service.alias} from {what}", Documents(total))


def _size(file: SeedFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError as error:
        raise unreadable(file.path, error) from error
