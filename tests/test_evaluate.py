"""The developer commands: JSON lines in and out, one answer before the next case."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest


class Evaluation:
    """One running `instant-lsp eval STEP`."""

    def __init__(self, step: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lsp_server", "eval", step],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def answer(self, case: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture
def evaluation(request: pytest.FixtureRequest) -> Iterator[Evaluation]:
    running = Evaluation(request.param)
    yield running
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(10) == 0


@pytest.mark.parametrize("evaluation", ["trigger"], indirect=True)
def test_trigger_answers_before_it_gets_the_next_case(evaluation: Evaluation) -> None:
    case = {"id": "1", "language": "python", "text_before": "def f(a):\n    ", "text_after": "\n"}
    assert evaluation.answer(case) == {"multiline": True}
    assert evaluation.answer({**case, "text_before": "x = "}) == {"multiline": False}


@pytest.mark.parametrize("evaluation", ["postprocess"], indirect=True)
def test_postprocess_says_what_would_be_inserted(evaluation: Evaluation) -> None:
    case = {"id": "1", "language": "python", "prefix": "x = 計算(", "suffix": ")\n", "raw": "数量)\nprint(x)"}
    assert evaluation.answer(case) == {"text": "数量"}
    assert evaluation.answer({**case, "raw": "\n\n"}) == {"text": ""}


@pytest.mark.parametrize("evaluation", ["context"], indirect=True)
def test_context_says_all_that_would_be_sent(evaluation: Evaluation) -> None:
    case = {"id": "1", "repo_dir": "/", "file": "a.py", "language": "python", "open_files": [], "budget": 512}
    prompt = evaluation.answer({**case, "text_before": "import os\nos.", "text_after": "\nprint()\n"})["prompt"]
    assert prompt == "import os\nos.\nprint()\n"
