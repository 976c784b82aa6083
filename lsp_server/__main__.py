"""The command line: owns the names of the commands; what they do is elsewhere and imported when it is asked for."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys

from lsp_server import __version__


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = _parser(sys.argv[1:] if argv is None else argv)
    _log_to_stderr()
    code: int = arguments.run(arguments)
    return code


def _serve(_: argparse.Namespace) -> int:
    from lsp_server.quick_start import kept_code, kept_path  # noqa: PLC0415

    usual = gc.get_threshold()
    gc.set_threshold(10_000, 10, 1_000)  # what is imported stays: looking through it again and again takes long
    with kept_code(kept_path()):
        from lsp_server.server import InstantServer  # noqa: PLC0415
    from lsp_server.transport import serve  # noqa: PLC0415

    server = InstantServer()
    gc.set_threshold(*usual)
    serve(server)


def _parser(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="instant-lsp",
        description="Inline completions, explanations, fixes and tests from your own model, inside your own network.",
    )
    parser.add_argument("--version", action="version", version=f"instant-lsp {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    server = subparsers.add_parser("serve", help="run the language server on stdin and stdout")
    server.add_argument("--stdio", action="store_true", help="the only way there is; accepted for editors that pass it")
    server.set_defaults(run=_serve)
    if argv[:1] != ["serve"]:  # the other commands bring imports that the server's start has no need of
        from lsp_server import context_cli, evaluate, index_cli, settings_export, try_out  # noqa: PLC0415
        from lsp_server.doctor import cli as doctor_cli  # noqa: PLC0415
        from lsp_server.endpoint import engine_cli  # noqa: PLC0415
        from lsp_server.ledger import audit_cli, report_cli  # noqa: PLC0415

        for module in (
            try_out,
            doctor_cli,
            index_cli,
            context_cli,
            engine_cli,
            audit_cli,
            report_cli,
            settings_export,
            evaluate,
        ):
            module.add_parser(subparsers)
    return parser.parse_args(argv)


def _log_to_stderr() -> None:
    """Our own loggers alone: those of the libraries write message bodies and prompts."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("lsp_server", "context"):
        ours = logging.getLogger(name)
        ours.addHandler(handler)
        ours.setLevel(logging.WARNING)
        ours.propagate = False
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.pop("OPENAI_LOG", None)


if __name__ == "__main__":
    sys.exit(main())
