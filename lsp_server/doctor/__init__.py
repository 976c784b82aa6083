"""The quick start as a command: owns what is looked at, in which order, and what is told of it; changes nothing."""

from lsp_server.doctor.finding import Finding, Patient, Plugin, is_well

__all__ = ["Finding", "Patient", "Plugin", "is_well"]
