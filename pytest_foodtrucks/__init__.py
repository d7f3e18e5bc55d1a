"""pytest fixtures for a throwaway container network with Elasticsearch and a web app on it."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import ready
    from .assertions import assert_isolated, assert_not_resolves, assert_reachable, assert_resolves
    from .containers import Container
    from .engine import Engine
    from .errors import (
        ClientMismatch,
        DefinitionError,
        EngineError,
        EngineNotFound,
        FaultError,
        FoodtrucksError,
        ImageError,
        IsolationError,
        NoAnswer,
        NotReady,
        NotReadyInTime,
        ProbeError,
        ReachabilityError,
        ResolutionError,
        SettingsError,
        StartError,
        StateError,
    )
    from .es import ElasticsearchService
    from .factories import elasticsearch_service, network, service
    from .matrix import Matrix, assert_matrix, reachability
    from .networks import Network
    from .probe import Probe
    from .services import Service
    from .verdicts import Verdict, VerdictKind

__all__ = [
    "ClientMismatch",
    "Container",
    "DefinitionError",
    "ElasticsearchService",
    "Engine",
    "EngineError",
    "EngineNotFound",
    "FaultError",
    "FoodtrucksError",
    "ImageError",
    "IsolationError",
    "Matrix",
    "Network",
    "NoAnswer",
    "NotReady",
    "NotReadyInTime",
    "Probe",
    "ProbeError",
    "ReachabilityError",
    "ResolutionError",
    "Service",
    "SettingsError",
    "StartError",
    "StateError",
    "Verdict",
    "VerdictKind",
    "assert_isolated",
    "assert_matrix",
    "assert_not_resolves",
    "assert_reachable",
    "assert_resolves",
    "elasticsearch_service",
    "network",
    "reachability",
    "ready",
    "service",
]

_HOMES = {
    "assertions": ("assert_isolated", "assert_not_resolves", "assert_reachable", "assert_resolves"),
    "containers": ("Container",),
    "engine": ("Engine",),
    "es": ("ElasticsearchService",),
    "factories": ("elasticsearch_service", "network", "service"),
    "matrix": ("Matrix", "assert_matrix", "reachability"),
    "networks": ("Network",),
    "probe": ("Probe",),
    "services": ("Service",),
    "verdicts": ("Verdict", "VerdictKind"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, because `Engine`'s module imports docker."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "ready":
        return importlib.import_module(".ready", __name__)
    module = importlib.import_module(f".{_HOME_OF.get(name, 'errors')}", __name__)
    return getattr(module, name)
