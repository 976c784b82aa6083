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
    # The first samples come before the trail and the metrics have opened their files.
    most_files = max(seen.n_files[: len(seen.n_files) // 2])
    assert seen.n_files[-1] <= most_files + 4, "a few connections are kept"
    assert seen.n_tasks[-1] <= seen.n_tasks[0] + 4
    assert [line for line in seen.complaints if "Traceback" in line or "never retrieved" in line] == []
