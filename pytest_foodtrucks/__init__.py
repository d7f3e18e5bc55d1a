"""pytest fixtures for a throwaway container network with Elasticsearch and a web app on it."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import ready
    from .containers.container import Container
    from .engine.engine import Engine
    from .engine.execs import ExecResult
    from .engine.logs import LogLine
    from .errors import (
        ClientMismatch,
        CommandError,
        DefinitionError,
        EngineError,
        EngineNotFound,
        FaultError,
        FoodtrucksError,
        ImageError,
        IsolationError,
        NoAnswer,
        NotInTime,
        NotReady,
        NotReadyInTime,
        ProbeError,
        ReachabilityError,
        ResolutionError,
        SettingsError,
        StartError,
        StateError,
    )
    from .fixtures.factories import elasticsearch_service, index_fixture, job, network, service
    from .fixtures.own_stack import OwnStack
    from .isolation.assertions import assert_isolated, assert_not_resolves, assert_reachable, assert_resolves
    from .isolation.egress import assert_no_egress
    from .isolation.matrix import reachability
    from .isolation.tables import Matrix, assert_matrix
    from .probes.http_get import HttpAnswer
    from .probes.probe import Probe
    from .probes.verdicts import Verdict, VerdictKind
    from .services.definitions import ServiceKeywords
    from .services.elasticsearch.es import ElasticsearchService
    from .services.elasticsearch.es_pristine import PristineElasticsearch
    from .services.elasticsearch.es_seed import seed_files
    from .services.job import Job
    from .services.network import Network
    from .services.port_forward import PortForward
    from .services.reach_me import reach_me
    from .services.running import Address
    from .services.service import Service

__all__ = [
    "Address",
    "ClientMismatch",
    "CommandError",
    "Container",
    "DefinitionError",
    "ElasticsearchService",
    "Engine",
    "EngineError",
    "EngineNotFound",
    "ExecResult",
    "FaultError",
    "FoodtrucksError",
    "HttpAnswer",
    "ImageError",
    "IsolationError",
    "Job",
    "LogLine",
    "Matrix",
    "Network",
    "NoAnswer",
    "NotInTime",
    "NotReady",
    "NotReadyInTime",
    "OwnStack",
    "PortForward",
    "PristineElasticsearch",
    "Probe",
    "ProbeError",
    "ReachabilityError",
    "ResolutionError",
    "Service",
    "ServiceKeywords",
    "SettingsError",
    "StartError",
    "StateError",
    "Verdict",
    "VerdictKind",
    "assert_isolated",
    "assert_matrix",
    "assert_no_egress",
    "assert_not_resolves",
    "assert_reachable",
    "assert_resolves",
    "elasticsearch_service",
    "index_fixture",
    "job",
    "network",
    "reach_me",
    "reachability",
    "ready",
    "seed_files",
    "service",
]

_HOMES = {
    "containers.container": ("Container",),
    "engine.engine": ("Engine",),
    "engine.execs": ("ExecResult",),
    "engine.logs": ("LogLine",),
    "fixtures.factories": ("elasticsearch_service", "index_fixture", "job", "network", "service"),
    "fixtures.own_stack": ("OwnStack",),
    "isolation.assertions": ("assert_isolated", "assert_not_resolves", "assert_reachable", "assert_resolves"),
    "isolation.egress": ("assert_no_egress",),
    "isolation.matrix": ("reachability",),
    "isolation.tables": ("Matrix", "assert_matrix"),
    "probes.http_get": ("HttpAnswer",),
    "probes.probe": ("Probe",),
    "probes.verdicts": ("Verdict", "VerdictKind"),
    "services.definitions": ("ServiceKeywords",),
    "services.elasticsearch.es": ("ElasticsearchService",),
    "services.elasticsearch.es_seed": ("seed_files",),
    "services.elasticsearch.es_pristine": ("PristineElasticsearch",),
    "services.job": ("Job",),
    "services.network": ("Network",),
    "services.port_forward": ("PortForward",),
    "services.reach_me": ("reach_me",),
    "services.running": ("Address",),
    "services.service": ("Service",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def _imported(name: str) -> object:
    """Import a public name when it is first asked for, because `Engine`'s module imports docker."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "ready":
        return importlib.import_module(".ready", __name__)
    module = importlib.import_module(f".{_HOME_OF.get(name, 'errors')}", __name__)
    return getattr(module, name)


if not TYPE_CHECKING:  # a type checker that saw it would accept every name
    __getattr__ = _imported
