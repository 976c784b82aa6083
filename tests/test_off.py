"""What the status says of completions that are off, so that editors can show it; nothing of a file is sent then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import ScriptedEndpoint
from wire import open_editor


async def check_status(tmp_path: Path, completion: dict[str, Any], repository: str = "") -> dict[str, Any]:
    """The status of a server that is ready, with these settings of completions and this file of the repository's."""
    folder = tmp_path / "shop"
    folder.mkdir()
    if repository:
        (folder / ".instant-lsp.toml").write_text(repository)
    async with ScriptedEndpoint() as endpoint:
        options = {"completion": completion}
        async with open_editor("vscode", tmp_path, url=endpoint.url, options=options, folder=folder) as editor:
            return await editor.status("ready")


@pytest.mark.parametrize(
    ("completion", "repository", "languages", "is_offered"),
    [
        ({}, "", [], True),
        ({"disabled_languages": ["python"]}, "", ["python"], True),
        ({"disabled_languages": ["python"]}, '[completion]\ndisabled_languages = ["go"]\n', ["python", "go"], True),
        ({"enabled": False}, "", [], False),
        ({}, "[completion]\nenabled = false\n", [], False),
    ],
)
async def test_the_status_tells_where_there_are_no_completions(
    tmp_path: Path, completion: dict[str, Any], repository: str, languages: list[str], is_offered: bool
) -> None:
    status = await check_status(tmp_path, completion, repository)
    assert sorted(status["off_languages"]) == sorted(languages)
    assert ("completion" in status["features"]) is is_offered
    assert "explain" in status["features"]
