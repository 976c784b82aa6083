"""What the tests of deploy/ share: the real programs, a pod with the real model, and a gateway before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gateways
import pods
import pytest
import systemd as systemds
from gateways import Gateway
from pods import Pod
from systemd import Systemd

from lsp_server.endpoint.models import ModelFile


@pytest.fixture(scope="session")
def systemd() -> Iterator[Systemd]:
    """A systemd of the tests' own."""
    with systemds.user_manager() as manager:
        yield manager


@pytest.fixture(scope="session")
def pod(systemd: Systemd, engine_model: ModelFile) -> Iterator[Pod]:
    """The real llama.cpp with the real model, healthy."""
    with pods.running(systemd, engine_model.path) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(pod: Pod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the pod behind both tiers."""
    where = f"127.0.0.1:{pod.port} maxconn 2"
    replicas = {"instant": {"pod": where}, "thinking": {"pod": where}}
    with gateways.running(tmp_path_factory.mktemp("gateway"), replicas) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for one test's own programs."""
    return tmp_path
