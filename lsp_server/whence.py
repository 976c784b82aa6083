"""Where an error came from: owns what may be told of one, which is never its message, since that may quote a file."""

from __future__ import annotations

import os


def where(error: BaseException) -> str:
    """The kind of an error and the line of ours it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
