"""The guard: which addresses are reached, and what cannot talk it into another one."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest
from scripted_endpoint import Reply, ScriptedEndpoint

from lsp_server.endpoint import EndpointError, wire
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.guard import GuardedClient, is_allowed, may_be_plain, open_client
from lsp_server.options import EndpointSettings


async def check_reached(url: str, *answers: list[str], settings: EndpointSettings | None = None) -> httpx2.Response:
    """Asks `url` through the guard; `answers` are what the name server says, one per look-up."""
    left = list(answers)

    async def lookup(host: str, port: int) -> list[str]:
        return left.pop(0)

    options = {"lookup": lookup} if answers else {}
    async with open_client(settings or EndpointSettings(), **options) as client:  # type: ignore[arg-type]
        return await client.get(url)


async def check_refused(url: str, *answers: list[str], says: str = "endpoint.allowed_networks") -> None:
    """Asks `url`, which must be refused before any connection."""
    with pytest.raises(EndpointError, match=says) as caught:
        await check_reached(url, *answers)
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.1.1", True),
        ("192.169.0.1", False),
        ("::1", True),
        ("fd12:3456::1", True),
        ("fe80::1", False),
        ("::", False),
        ("ff02::1", False),
        ("2606:4700::1111", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("::ffff:169.254.169.254", False),
        ("::8.8.8.8", False),
        ("64:ff9b::808:808", False),
        ("2002:808:808::", False),
        ("0.0.0.0", False),
        ("8.8.8.8", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("198.18.0.1", False),
        ("192.0.2.1", False),
    ],
)
def test_addresses(address: str, expected: bool) -> None:
    assert is_allowed(ipaddress.ip_address(address), "name.example", EndpointSettings()) is expected


@pytest.mark.parametrize(
    ("address", "host", "expected"),
    [
        ("100.64.3.2", "gpu", True),
        ("::ffff:100.64.3.2", "gpu", True),
        ("100.65.0.1", "gpu", False),
        ("203.0.113.9", "gpu.corp.example", True),
        ("203.0.113.9", "GPU.Corp.Example.", True),
        ("203.0.113.9", "gpu.corp.example.evil.example", False),
        ("169.254.169.254", "gpu.corp.example", False),
        ("0.0.0.0", "gpu.corp.example", False),
    ],
)
def test_what_the_user_allows(address: str, host: str, expected: bool) -> None:
    settings = EndpointSettings(allowed_networks=("100.64.0.0/16",), allowed_hosts=("gpu.corp.example",))
    assert is_allowed(ipaddress.ip_address(address), host, settings) is expected


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/v1",
        "http://134744072/v1",
        "http://0x08080808/v1",
        "http://0x8.8.8.8/v1",
        "http://8.8.2056/v1",
        "http://8.526344/v1",
        "http://8\u30028\u30028\u30028/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://[::ffff:808:808]/v1",
        "http://[0:0:0:0:0:ffff:0808:0808]/v1",
        "http://[::8.8.8.8]/v1",
        "http://[64:ff9b::8.8.8.8]/v1",
        "http://[2002:808:808::1]/v1",
        "http://[2606:4700::1111]/v1",
        "https://1.1.1.1/v1",
    ],
)
async def test_spellings_of_public_addresses_are_refused(url: str) -> None:
    await check_refused(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://2852039166/latest",
        "http://0xa9fea9fe/latest",
        "http://[::ffff:a9fe:a9fe]/latest",
        "http://[fd00:ec2::254]/latest",
        "http://0.0.0.0/v1",
        "http://0/v1",
        "http://[::]/v1",
        "http://[fe80::1]/v1",
        "http://[fe80::1%25lo]/v1",
        "http://255.255.255.255/v1",
    ],
)
async def test_reserved_addresses_are_refused_with_no_way_round(url: str) -> None:
    await check_refused(url, says="no option allows")


@pytest.mark.parametrize(
    "spelling", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]
)
async def test_spellings_of_loopback_are_reached(spelling: str) -> None:
    async with ScriptedEndpoint() as endpoint:
        answer = await check_reached(f"http://{spelling}:{endpoint.port}/health")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "010.010.010.010",
        "0251.0376.0251.0376",
        "8.8.8.8.",
        "\uff18.\uff18.\uff18.\uff18",
        "8.8.8.8%00.corp",
        "8.8.8.8@corp",
    ],
)
async def test_what_is_no_spelling_of_an_address_reaches_nothing(host: str) -> None:
    """Some would read the first as octal; here it is no address, and no name either."""

    async def ask() -> None:
        wire.check(Address(f"http://{host}/v1"))
        await check_reached(f"http://{host}/v1")

    with pytest.raises(EndpointError) as caught:
        await ask()
    assert caught.value.kind in ("refused", "unreachable")


async def test_public_name_is_refused_with_name_and_address() -> None:
    await check_refused("https://api.example.com/v1", ["93.184.216.34"], says=r"api\.example\.com \(93\.184\.216\.34\)")


async def test_name_with_both_kinds_of_address_reaches_the_private_one() -> None:
    async with ScriptedEndpoint() as endpoint:
        answer = await check_reached(f"http://gpu.corp:{endpoint.port}/health", ["93.184.216.34", "127.0.0.1"])
    assert answer.status_code == 200


async def test_next_address_is_tried_when_the_first_is_silent() -> None:
    async with ScriptedEndpoint() as endpoint:
        answer = await check_reached(f"http://gpu.corp:{endpoint.port}/health", ["127.3.3.3", "127.0.0.1"])
    assert answer.status_code == 200


async def test_name_that_changes_its_answer_is_judged_by_the_address_connected_to() -> None:
    """The look-up that is judged is the only one: a second one would answer with a public address."""
    async with ScriptedEndpoint() as endpoint:
        url = f"http://rebind.example:{endpoint.port}/v1/models"
        answer = await check_reached(url, ["127.0.0.1"], ["93.184.216.34"])
        assert answer.status_code == 200
        await check_refused(url, ["93.184.216.34"], ["127.0.0.1"])


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "fd12::3", "::ffff:10.1.2.3"])
async def test_code_leaves_this_machine_over_tls_alone(address: str) -> None:
    await check_refused("http://gpu.corp/v1", [address], says=r"gpu\.corp .*https://.*endpoint\.allowed_http_hosts")


async def test_a_host_may_be_named_that_is_reached_without_tls() -> None:
    settings = EndpointSettings(allowed_http_hosts=("GPU.corp.",))
    for host, address, expected in (("gpu.corp", "10.1.2.3", True), ("other.corp", "10.1.2.3", False)):
        assert may_be_plain(ipaddress.ip_address(address), host, settings) is expected
        assert is_allowed(ipaddress.ip_address("203.0.113.9"), host, settings) is False, "it opens nothing else"


async def test_a_name_of_this_machine_and_of_another_reaches_this_one_without_tls() -> None:
    async with ScriptedEndpoint() as endpoint:
        answer = await check_reached(f"http://gpu.corp:{endpoint.port}/health", ["10.1.2.3", "127.0.0.1"])
    assert answer.status_code == 200


async def test_every_new_connection_is_judged_anew() -> None:
    """The first answer was this machine; when the connection is lost, the name leads elsewhere."""
    answers = [["127.0.0.1"], ["93.184.216.34"]]

    async def lookup(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with ScriptedEndpoint() as endpoint, open_client(EndpointSettings(), lookup=lookup) as client:
        url = f"http://rebind.example:{endpoint.port}/v1/models"
        assert (await client.get(url)).status_code == 200
        await endpoint.stop()
        async with endpoint:
            with pytest.raises(EndpointError, match=r"rebind\.example \(93\.184\.216\.34\)"):
                await client.get(url)
            assert endpoint.n_connections == 1


async def test_a_connection_opened_ahead_is_judged_too() -> None:
    answers = [["127.0.0.1"], ["93.184.216.34"], ["93.184.216.34"]]

    async def lookup(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with ScriptedEndpoint() as endpoint, open_client(EndpointSettings(), lookup=lookup) as client:
        url = f"http://rebind.example:{endpoint.port}/v1"
        await leave_early(client, url, endpoint)
        with pytest.raises(EndpointError, match="outside the private networks"):
            await client.get(f"{url}/models")
        assert endpoint.n_connections == 1


async def test_host_header_keeps_the_name() -> None:
    async with ScriptedEndpoint(without=("/v1/anything",)) as endpoint:
        await check_reached(f"http://gpu.corp:{endpoint.port}/v1/anything", ["127.0.0.1"])
    assert endpoint.requests[0].headers["host"] == f"gpu.corp:{endpoint.port}"


@pytest.mark.parametrize("url", ["http://user:password@127.0.0.1:9/v1", "http://user@127.0.0.1:9/v1"])
async def test_credentials_in_the_url_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(EndpointError, match="token_env") as caught:
        await check_reached(url)
    assert "password" not in str(caught.value).replace("user name or password", "")


async def test_other_schemes_are_refused() -> None:
    await check_refused("ftp://127.0.0.1/v1", says="http://")


async def test_unknown_name_is_told_plainly() -> None:
    with pytest.raises(EndpointError, match=r"The name nowhere\.invalid cannot be resolved") as caught:
        await check_reached("http://nowhere.invalid/v1", [])
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxies_of_the_environment_are_not_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedEndpoint() as proxy, ScriptedEndpoint() as endpoint:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        assert (await check_reached(f"{endpoint.url}/models")).status_code == 200
        assert proxy.n_connections == 0


async def test_redirects_are_not_followed() -> None:
    async with ScriptedEndpoint() as elsewhere, ScriptedEndpoint() as endpoint:
        endpoint.reply = Reply(status=307, headers={"location": f"{elsewhere.url}/completions"})
        async with open_client(EndpointSettings()) as client:
            answer = await client.post(f"{endpoint.url}/completions", json={"prompt": "secret"})
        assert answer.status_code == 307
        assert elsewhere.n_connections == 0


async def test_cookies_are_not_kept() -> None:
    async with ScriptedEndpoint() as endpoint, open_client(EndpointSettings()) as client:
        endpoint.replies.append(Reply(status=400, headers={"set-cookie": "track=1; Path=/"}))
        for _ in range(2):
            await client.post(f"{endpoint.url}/completions", json={"prompt": ""})
    assert ["cookie" in request.headers for request in endpoint.requests] == [False, False]


async def test_connection_is_kept_between_requests() -> None:
    async with ScriptedEndpoint() as endpoint, open_client(EndpointSettings()) as client:
        for _ in range(3):
            await client.get(f"{endpoint.url}/models")
        assert endpoint.n_connections == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for gpu.corp, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes this test's certificate and is not installed")
    path = tmp_path_factory.mktemp("tls") / "gpu.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gpu.corp -addext subjectAltName=DNS:gpu.corp"
    subprocess.run([*command.split(), "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def tls_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_certificate_of_the_company_is_trusted_when_named(certificate: Path) -> None:
    settings = EndpointSettings(ca_file=f"{certificate}.crt")
    async with ScriptedEndpoint(tls=tls_of(certificate)) as endpoint:
        answer = await check_reached(f"https://gpu.corp:{endpoint.port}/health", ["127.0.0.1"], settings=settings)
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["gpu.corp", "other.corp"])
async def test_other_certificates_are_not_trusted(certificate: Path, name: str) -> None:
    settings = EndpointSettings(ca_file=f"{certificate}.crt" if name == "other.corp" else None)
    async with ScriptedEndpoint(tls=tls_of(certificate)) as endpoint:
        todo = "check the endpoint's url" if name == "other.corp" else r"set endpoint\.ca_file"
        with pytest.raises(EndpointError, match=f"is not trusted: .*{todo}"):
            await check_reached(f"https://{name}:{endpoint.port}/health", ["127.0.0.1"], settings=settings)


async def test_https_to_a_plain_port_is_told_plainly() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(EndpointError, match="does not answer in TLS"):
            await check_reached(f"https://127.0.0.1:{port}/health")


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_unusable_ca_file_is_told_plainly(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EndpointError, match=r"endpoint\.ca_file .*ca\.pem cannot be used"):
        await check_reached("https://127.0.0.1:9/v1", settings=EndpointSettings(ca_file=str(path)))


async def leave_early(client: GuardedClient, url: str, endpoint: ScriptedEndpoint) -> None:
    """Reads the beginning of an answer that never ends, and leaves it."""
    endpoint.replies.append(Reply((" a",), fault="hang in the middle"))
    n_left = endpoint.n_left
    async with client.posting(f"{url}/completions", b'{"prompt":"","stream":true}', {}) as response:
        assert response.status_code == 200
        await anext(aiter(response.stream))  # type: ignore[arg-type]
    await endpoint.left(n_left + 1)


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
async def test_an_answer_left_early_leaves_a_connection_for_the_next_request(with_tls: bool, certificate: Path) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    settings = EndpointSettings(ca_file=f"{certificate}.crt")
    tls = tls_of(certificate) if with_tls else None
    async with ScriptedEndpoint(tls=tls) as endpoint, open_client(settings, lookup=lookup) as client:
        url = f"{'https' if with_tls else 'http'}://gpu.corp:{endpoint.port}/v1"
        for n in range(1, 4):
            await leave_early(client, url, endpoint)
            await endpoint.connected(n + 1)
        assert (await client.get(f"{url}/models")).status_code == 200
        assert endpoint.n_connections == 4, "one for each answer that was left, and the one opened ahead"


async def test_a_connection_opened_ahead_that_was_closed_meanwhile_is_not_used() -> None:
    async with open_client(EndpointSettings()) as client:
        async with ScriptedEndpoint() as endpoint:
            await leave_early(client, endpoint.url, endpoint)
            await endpoint.connected(2)
        with pytest.raises(EndpointError, match="no connection"):
            await client.get(f"{endpoint.url}/models")
        async with endpoint:
            assert (await client.get(f"{endpoint.url}/models")).status_code == 200


async def test_the_short_way_is_guarded_too() -> None:
    async with open_client(EndpointSettings()) as client:
        with pytest.raises(EndpointError, match=r"endpoint\.allowed_networks"):
            async with client.posting("http://203.0.113.9/v1/completions", b"{}", {}):
                pass


async def test_the_short_way_follows_no_redirect_and_keeps_no_cookie() -> None:
    async with ScriptedEndpoint() as elsewhere, ScriptedEndpoint() as endpoint:
        headers = {"location": f"{elsewhere.url}/completions", "set-cookie": "track=1; Path=/"}
        endpoint.reply = Reply(status=307, headers=headers)
        async with open_client(EndpointSettings()) as client:
            for _ in range(2):
                async with client.posting(f"{endpoint.url}/completions", b'{"prompt":"secret"}', {}) as answer:
                    assert answer.status_code == 307
        assert elsewhere.n_connections == 0
        assert ["cookie" in request.headers for request in endpoint.requests] == [False, False]
