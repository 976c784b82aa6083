"""Certificates: whose the client believes, which it shows, and what it says where a handshake fails."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted_endpoint import Reply, ScriptedEndpoint

from context.window import ContextWindow
from lsp_server.endpoint import Address, EndpointError
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.options import EndpointSettings, TierSettings

WINDOW = ContextWindow("a.py", "python", "def f(a, b):\n    return", "\n")
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A made-up company's certificate authority, with what it has issued beside it."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made_in(cls, folder: Path, name: str = "corp") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, key, certificate)

    @property
    def file(self) -> str:
        return str(self.folder / f"{_name(self.certificate)}.crt")

    def issue(self, name: str, *, ends: datetime.datetime = NOW + DAY, password: bytes | None = None) -> Path:
        """A file with a certificate for `name` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        certificate = _builder(name, _name(self.certificate), key, ends).add_extension(names, critical=False)
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        path = self.folder / f"{name}-{key.public_key().public_numbers().x % 10**8}.pem"
        path.write_bytes(
            certificate.sign(self.key, hashes.SHA256()).public_bytes(pem)
            + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, locked)
        )
        return path


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, ends: datetime.datetime = NOW + DAY
) -> x509.CertificateBuilder:
    def called(one: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)])

    return (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 3 * DAY)
        .not_valid_after(ends)
    )


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("corp"))


def server_tls(certificate: Path, *, clients_of: Authority | None = None) -> ssl.SSLContext:
    """What a server shows, and whose clients it lets in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.file)
    return context


async def this_machine(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def check_completes(tls: ssl.SSLContext, n: int = 1, **settings: str | None) -> tuple[str, ScriptedEndpoint]:
    """The last of several completions by an https endpoint that is called gpu.corp; raises EndpointError."""
    async with ScriptedEndpoint(tls=tls) as scripted:

        async def resolve() -> Address:
            return Address(f"https://gpu.corp:{scripted.port}/v1")

        client = open_client(EndpointSettings(**settings), lookup=this_machine)
        endpoint = Endpoint("instant", TierSettings(), resolve, client)
        try:
            for _ in range(n):
                scripted.reply = Reply((" a", " + b"))
                async with endpoint.complete(WINDOW, max_tokens=8) as answer:
                    text = await answer.text()
            return text, scripted
        finally:
            await endpoint.aclose()


async def test_the_companys_authority_is_believed_where_its_file_is_named(corp: Authority) -> None:
    assert (await check_completes(server_tls(corp.issue("gpu.corp")), ca_file=corp.file))[0] == " a + b"


async def test_a_client_certificate_is_shown_to_who_asks_for_it(corp: Authority, tmp_path: Path) -> None:
    tls = server_tls(corp.issue("gpu.corp"), clients_of=corp)
    both = corp.issue("laptop")
    text, _ = await check_completes(tls, ca_file=corp.file, cert_file=str(both))
    assert text == " a + b"
    certificate, key = both.read_text().split("-----BEGIN PRIVATE KEY", 1)
    (tmp_path / "laptop.crt").write_text(certificate)
    (tmp_path / "laptop.key").write_text("-----BEGIN PRIVATE KEY" + key)
    apart = {"cert_file": str(tmp_path / "laptop.crt"), "key_file": str(tmp_path / "laptop.key")}
    text, _ = await check_completes(tls, ca_file=corp.file, **apart)
    assert text == " a + b"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_misses_our_certificate_is_told_plainly(
    corp: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    tls = server_tls(corp.issue("gpu.corp"), clients_of=corp)
    tls.minimum_version = tls.maximum_version = version
    stranger = Authority.made_in(tmp_path / "other", "other").issue("laptop")
    for cert_file in (None, str(stranger)):
        with picky_server(tls) as port:
            client = open_client(EndpointSettings(ca_file=corp.file, cert_file=cert_file), lookup=this_machine)
            async with client:
                with pytest.raises(EndpointError, match=r"this machine's certificate: set endpoint\.cert_file"):
                    await client.get(f"https://gpu.corp:{port}/health")


@contextmanager
def picky_server(tls: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that says in its TLS alert why it lets nobody in, which asyncio's own does not."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
                    with suppress(OSError):
                        wrapped.do_handshake()
                    # What has come by now is read: closing over it would be a reset, which overtakes the alert.
                    with suppress(OSError):
                        wrapped.shutdown(socket.SHUT_WR)
                        while wrapped.recv(4_096):
                            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(
    ("name", "ends", "todo"),
    [
        ("gpu.corp", NOW - DAY, "has expired: .*renew it, and check this machine's clock"),
        ("other.corp", NOW + DAY, "made for another name; check the endpoint's url"),
    ],
)
async def test_a_certificate_that_is_none_of_the_endpoint_is_told_plainly(
    corp: Authority, name: str, ends: datetime.datetime, todo: str
) -> None:
    with pytest.raises(EndpointError, match=todo):
        await check_completes(server_tls(corp.issue(name, ends=ends)), ca_file=corp.file)


async def test_our_certificate_cannot_be_used(corp: Authority, tmp_path: Path) -> None:
    tls = server_tls(corp.issue("gpu.corp"), clients_of=corp)
    one, other = corp.issue("laptop"), corp.issue("laptop")
    (tmp_path / "empty").touch()
    for files, reason in (
        ({"cert_file": str(tmp_path / "missing")}, "No such file"),
        ({"cert_file": str(tmp_path / "empty")}, "holds no PEM that can be read"),
        ({"cert_file": str(one), "key_file": str(other)}, "its key is another's"),
        ({"cert_file": str(corp.issue("locked", password=b"secret"))}, "holds no PEM that can be read"),
    ):
        with pytest.raises(EndpointError, match=rf"endpoint\.cert_file .* cannot be used: .*{reason}"):
            await check_completes(tls, ca_file=corp.file, **files)


async def test_a_renewed_certificate_is_shown_without_a_restart(corp: Authority, tmp_path: Path) -> None:
    """Short-lived certificates are renewed on disk while editors stay open."""
    short = Authority.made_in(tmp_path / "old", "old").issue("laptop")
    ours = tmp_path / "laptop.pem"
    ours.write_bytes(short.read_bytes())
    settings = EndpointSettings(ca_file=corp.file, cert_file=str(ours))
    scripted = ScriptedEndpoint(tls=server_tls(corp.issue("gpu.corp"), clients_of=corp))
    async with scripted, open_client(settings, lookup=this_machine) as client:
        url = f"https://gpu.corp:{scripted.port}/health"
        with pytest.raises(EndpointError, match=str(scripted.port)):
            await client.get(url)
        ours.write_bytes(corp.issue("laptop").read_bytes())
        os.utime(ours, ns=(1, 1))
        assert (await client.get(url)).status_code == 200


async def test_an_answer_left_early_costs_no_handshake_with_client_certificates(corp: Authority) -> None:
    """The connection opened ahead is made with our certificate too, and used."""
    _, scripted = await check_completes(
        server_tls(corp.issue("gpu.corp"), clients_of=corp), 3, ca_file=corp.file, cert_file=str(corp.issue("laptop"))
    )
    assert scripted.n_connections == 1


ASK = """
import asyncio, sys
from lsp_server.endpoint.guard import open_client
from lsp_server.options import EndpointSettings

async def this_machine(host, port):
    return ["127.0.0.1"]

async def ask():
    async with open_client(EndpointSettings(), lookup=this_machine) as client:
        print((await client.get(sys.argv[1])).status_code)

asyncio.run(ask())
"""


async def test_the_systems_own_store_is_believed(corp: Authority, systems_store: str) -> None:
    """With the company's authority in the system's folder nothing needs to be set; the folder is this test's alone."""
    async with ScriptedEndpoint(tls=server_tls(corp.issue("gpu.corp"))) as scripted:
        for before, expected in ((f"{systems_store} && ", "200"), ("", "")):
            shell = ("unshare", "-m", "sh", "-c", f'{before}exec "$0" -P -c "$1" "$2"')
            process = await asyncio.create_subprocess_exec(
                *(*shell, sys.executable, ASK, f"https://gpu.corp:{scripted.port}/health"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            printed, _ = await process.communicate()
            assert printed.decode().strip() == expected


@pytest.fixture
def systems_store(corp: Authority, tmp_path: Path) -> str:
    """The command that puts a folder with the company's authority over the system's."""
    store = Path(ssl.get_default_verify_paths().openssl_capath)
    if os.name != "posix" or not store.is_dir() or shutil.which("openssl") is None:
        pytest.skip("this system keeps its authorities elsewhere")
    digest = subprocess.check_output(["openssl", "x509", "-hash", "-noout", "-in", corp.file], text=True)
    (tmp_path / f"{digest.strip()}.0").write_bytes(Path(corp.file).read_bytes())
    mount = f"mount --bind {tmp_path} {store}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount in a namespace of its own")
    return mount
