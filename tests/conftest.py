"""What several test files share."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator

import hypothesis
import pytest
from rich.console import Console

from lsp_server.endpoint import engine_process
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.engine_cli import fetch
from lsp_server.endpoint.models import ModelError, ModelFile
from lsp_server.endpoint.status import EndpointError
from lsp_server.settings import load

# A busy machine is no fault of what is tested: how long an example takes is no reason to fail.
hypothesis.settings.register_profile("untimed", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """A command that runs in this process adds a handler for its stderr, which is closed when the test is over."""
    kept = {name: list(logging.getLogger(name).handlers) for name in ("lsp_server", "context")}
    yield
    for name, handlers in kept.items():
        logging.getLogger(name).handlers[:] = handlers


@pytest.fixture(scope="session")
def engine_model() -> ModelFile:
    """The real model's file; fetched once into the user's own cache."""
    try:
        return fetch(load()[0].embedded, Console())
    except ModelError as error:
        if os.environ.get("INSTANT_LSP_TEST_OFFLINE"):
            pytest.skip(str(error))
        pytest.fail(f"The tests need the real model. {error}", pytrace=False)


@pytest.fixture(scope="session")
def engine(engine_model: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A real engine with the real model, apart from the user's own; servers started by a test share it."""
    settings = load()[0].embedded.model_copy(update={"idle_minutes": 30})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            yield asyncio.run(EmbeddedEngine(settings).address())
        except EndpointError as error:
            pytest.fail(str(error), pytrace=False)
        finally:
            engine_process.stop()
