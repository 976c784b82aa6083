"""Whom an https endpoint is believed to be, and whom it believes us to be: owns certificates, opens no connection."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable

import httpx2

from lsp_server.endpoint.status import EndpointError
from lsp_server.options import EndpointSettings

_EXPIRED = 10
_OTHER_NAME = (62, 64)
"""OpenSSL's codes of a certificate's faults."""

_ALERTS = ("ALERT_CERTIFICATE", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_HANDSHAKE_FAILURE")
"""What a server says that misses our certificate or does not like it; before TLS 1.3 it says no more than the last."""


class Certificates:
    """The one TLS context of a client; a certificate of ours that was renewed on disk is read anew."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._read_at: tuple[int, ...] = ()
        self.context: ssl.SSLContext | None = None

    @property
    def is_current(self) -> bool:
        """Whether `context` can be used as it is."""
        return self.context is not None and (not self._settings.cert_file or self._read_at == self._written_at())

    def load(self) -> None:
        """The system's own authorities, the company's and our certificate; takes 30-80 ms. Raises EndpointError."""
        if self.context is None:
            # The store of macOS and Windows, or OpenSSL's of the system; no variable of the environment moves it.
            context = httpx2.create_ssl_context(trust_env=False)
            if self._settings.ca_file is not None:
                _using("ca_file", self._settings.ca_file, lambda path: context.load_verify_locations(cafile=path))
            self.context = context
        if self._settings.cert_file:
            self._present(self.context, self._settings.cert_file)

    def _present(self, context: ssl.SSLContext, cert_file: str) -> None:
        read_at = self._written_at()
        key_file = self._settings.key_file
        key = os.path.expanduser(key_file) if key_file else None
        # Without a password OpenSSL would ask for one at the terminal, where nobody sits.
        _using("cert_file", cert_file, lambda path: context.load_cert_chain(path, key, password=lambda: b"\0"))
        self._read_at = read_at

    def _written_at(self) -> tuple[int, ...]:
        """When our files were changed last, in nanoseconds."""
        try:
            return tuple(
                os.stat(os.path.expanduser(path)).st_mtime_ns
                for path in (self._settings.cert_file, self._settings.key_file)
                if path
            )
        except OSError:
            return (0,)


def message(place: str, errors: Iterable[BaseException]) -> str | None:
    """What to do about a handshake that failed; None where it was something else."""
    for error in errors:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _of_certificate(place, error)
        if isinstance(error, ssl.SSLError):
            if any(alert in (error.reason or "") for alert in _ALERTS):
                return f"{place} does not take this machine's certificate: set endpoint.cert_file to a valid one."
            return f"{place} does not answer in TLS: check the port, or use http://."
    return None


def _using(option: str, path: str, use: Callable[[str], None]) -> None:
    try:
        use(os.path.expanduser(path))
    except ssl.SSLError as error:
        reason = "its key is another's" if "MISMATCH" in (error.reason or "") else "it holds no PEM that can be read"
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    else:
        return
    raise EndpointError("refused", f"endpoint.{option} {path} cannot be used: {reason}.")


def _of_certificate(place: str, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return f"The certificate of {place} has expired: ask who runs it to renew it, and check this machine's clock."
    if error.verify_code in _OTHER_NAME:
        return f"The certificate of {place} is not trusted: it was made for another name; check the endpoint's url."
    return f"The certificate of {place} is not trusted: set endpoint.ca_file to your company's certificate authority."
