"""A short soak: seconds of typing with faults leave no more tasks and file descriptors than there were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from soak import soak


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="file descriptors are counted by /proc")
async def test_what_typing_opens_is_closed_again() -> None:
    seen = await soak(12, speed=8, idle_s=2)
    assert seen.n_shown > 0
    assert seen.n_unanswered == 0
    quiet_files, quiet_tasks = seen.n_files[0], seen.n_tasks[0]
    assert seen.n_files[-1] <= quiet_files + 8, "a few connections are kept"
    assert seen.n_tasks[-1] <= quiet_tasks + 4
    assert [line for line in seen.complaints if "Traceback" in line or "never retrieved" in line] == []
