"""The gateway: who may ask which pod, and how much; by a real HAProxy with the files that are shipped."""

from __future__ import annotations

import base64
import itertools
import json
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gateways
import httpx2
import jwt
import pytest
from gateways import POD_KEY, Gateway
from identity import AUDIENCE, Key, claims, hs256, rs256
from programs import eventually, run, shipped
from replicas import Replica, replicas
from scripted_endpoint import Reply

Site = tuple[Gateway, dict[str, Replica]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway before three scripted pods of the instant tier and one of the thinking tier."""
    with replicas("a", "b", "c", "deep") as pods:
        where = {name: f"127.0.0.1:{pod.port} maxconn 8" for name, pod in pods.items()}
        behind = {"instant": {name: where[name] for name in "abc"}, "thinking": {"deep": where["deep"]}}
        with gateways.running(tmp_path_factory.mktemp("site"), behind) as gateway:
            yield gateway, pods


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Site]:
    """A gateway before one pod that answers one request at a time."""
    with replicas("only") as pods:
        behind = {"instant": {"only": f"127.0.0.1:{pods['only'].port} maxconn 1"}}
        with gateways.running(tmp_path, behind) as gateway:
            yield gateway, pods


_users = (f"user-{n}" for n in itertools.count())


def check_asked(
    site: Site, status: int, *, token: str | None = None, path: str = "/v1/completions", says: str = "", **sent: Any
) -> httpx2.Response:
    """One request: `status`, and the pods have seen it if that is 200 and only then."""
    gateway, pods = site
    before = sum(len(pod.asked) for pod in pods.values())
    with gateway.client(token or gateway.token(next(_users)), feature=sent.pop("feature", "completion")) as client:
        answer = client.request(sent.pop("method", "POST"), path, **({"json": {"prompt": "x"}} | sent))
    assert answer.status_code == status, answer.text
    assert says in answer.text
    assert (sum(len(pod.asked) for pod in pods.values()) > before) == (status == 200)
    return answer


# Who asks

CURRENT, STRANGE = Key("current"), Key("current")


def _unsigned(said: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT", "kid": "current"}, said)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def _signed_by_the_public_key(key: Key, said: dict[str, Any]) -> str:
    """The old trick: a public key is no secret, so whoever is told HS256 must not take it for one."""
    head = {"alg": "HS256", "typ": "JWT", "kid": "current"}
    body = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, said))
    hashed = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(body.encode(), key.public_pem)
    return f"{body}.{base64.urlsafe_b64encode(hashed).rstrip(b'=').decode()}"


def _tampered(key: Key) -> str:
    head, _, signature = rs256(key, claims("ada", "contractor")).split(".")
    said = json.dumps(claims("ada", "senior")).encode()
    return ".".join((head, base64.urlsafe_b64encode(said).rstrip(b"=").decode(), signature))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # who forges takes what he can get
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda key: "no.token.at-all", "not signed by a key that is known"),
        (_tampered, "not signed"),
        (lambda key: _unsigned(claims("ada", "senior")), "not signed"),
        (lambda key: _signed_by_the_public_key(key, claims("ada", "senior")), "not signed"),
        (lambda key: rs256(STRANGE, claims("ada", "senior")), "not signed"),
        (lambda key: rs256(key, claims("ada", "senior"), kid="unheard-of"), "not signed"),
        (lambda key: rs256(key, claims("ada", "senior"), kid="shared"), "not signed"),
        (lambda key: rs256(key, claims("ada", "senior"), kid="../keys/current.pem"), "not signed"),
        (lambda key: jwt.encode(claims("ada", "senior"), key.private, "RS256"), "not signed"),
        (lambda key: jwt.encode(claims("ada", "senior"), key.private, "RS512", headers={"kid": "current"}), "not sig"),
        (lambda key: hs256(claims("ada", "senior"), "another secret that is as long as it has to be"), "not signed"),
        (lambda key: hs256(claims("ada", "senior"), kid="current"), "not signed"),
        (lambda key: hs256(claims("ada", "senior"), "unknown", kid="half-removed"), "not signed"),
        (lambda key: rs256(key, claims("ada", "senior", iss="https://elsewhere.example.com/")), "somebody else"),
        (lambda key: rs256(key, claims("ada", "senior", aud="payroll")), "somebody else"),
        (lambda key: rs256(key, claims("ada", "senior", aud=["payroll", "mail"])), "somebody else"),
        (lambda key: rs256(key, claims("ada", "senior", aud=None)), "somebody else"),
        (lambda key: rs256(key, claims("", "senior")), "somebody else"),
        (lambda key: rs256(key, claims("ada", "senior", exp=1_000_000_000)), "has expired"),
        (lambda key: rs256(key, claims("ada", "senior", exp=None)), "has expired"),
        (lambda key: rs256(key, claims("ada", "senior", nbf=4_000_000_000)), "not valid yet"),
    ],
)
def test_a_token_that_is_not_right_is_refused(site: Site, make: Callable[[Key], str], says: str) -> None:
    answer = check_asked(site, 401, token=make(site[0].key), says=says)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_without_a_token_one_is_asked_for(site: Site) -> None:
    answer = check_asked(site, 401, says="a token is needed", headers={"Authorization": "Basic YTpi"})
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "make",
    [
        lambda key: rs256(key, claims("ada-1", "senior")),
        lambda key: hs256(claims("ada-2", "senior")),
        lambda key: rs256(key, claims("ada-3", "senior", aud=["mail", AUDIENCE])),
        lambda key: rs256(key, claims("ada-4", None, roles=["senior", "mail"])),
        lambda key: rs256(key, claims("ada-5", "senior", nbf=1_000_000_000)),
    ],
)
def test_a_right_token_is_taken_whichever_way_it_is_made(site: Site, make: Callable[[Key], str]) -> None:
    check_asked(site, 200, token=make(site[0].key), path="/thinking/v1/completions")


def test_keys_are_rotated_without_anybody_noticing(tmp_path: Path) -> None:
    with (
        replicas("only") as pods,
        gateways.running(tmp_path, {"instant": {"only": f"127.0.0.1:{pods['only'].port}"}}) as gateway,
    ):
        upcoming = Key("next")
        token = rs256(upcoming, claims("ada", "developer"))
        pods["only"].steps = threading.Semaphore(1)
        pods["only"].reply = Reply(("one", " two"))
        with (
            gateway.client() as client,
            client.stream("POST", "/v1/completions", json={"prompt": "x", "stream": True}) as stream,
        ):
            events = (line for line in stream.iter_lines() if line)
            assert '"one"' in next(events)
            _rotate(gateway, upcoming)
            assert gateway.post("/v1/models", token).status_code == 403, "known, but this is not asked by POST"
            pods["only"].steps.release(9)
            assert '" two"' in next(events), "the old worker has finished what it had begun"
        pods["only"].steps = None
        for each in (token, gateway.token()):
            assert gateway.post(token=each).status_code == 200, "both keys are known while both are in use"
        _forget(gateway, "current")
        assert gateway.post().status_code == 401
        assert gateway.post(token=token).status_code == 200


def _rotate(gateway: Gateway, key: Key) -> None:
    """As keys.cfg says: its commented line, and one line in both maps."""
    key.write(gateway.files / "keys")
    keys = gateway.files / "keys.cfg"
    keys.write_text(keys.read_text().replace("# http-request set-var", "http-request set-var"), encoding="utf-8")
    assert keys.read_text().count("\n    http-request") == 2
    for name, value in (("algorithms", "RS256"), ("keys", f"keys/{key.kid}.pem")):
        with (gateway.files / f"maps/{name}.map").open("a") as file:
            file.write(f"{key.kid} {value}\n")
    gateway.reload()


def _forget(gateway: Gateway, kid: str) -> None:
    for name in ("algorithms", "keys"):
        path = gateway.files / f"maps/{name}.map"
        path.write_text(re.sub(rf"(?m)^{kid} .*\n", "", path.read_text()), encoding="utf-8")
    gateway.reload()


# What is asked


@pytest.mark.parametrize(
    ("role", "path", "feature", "status"),
    [
        ("developer", "/v1/completions", "completion", 200),
        ("developer", "/v1/chat/completions", "explain", 200),
        ("developer", "/v1/chat/completions", "fix", 200),
        ("developer", "/v1/chat/completions", "tests", 200),
        ("developer", "/thinking/v1/chat/completions", "explain", 403),
        ("developer", "/v1/completions", "script-of-mine", 403),
        ("senior", "/thinking/v1/chat/completions", "explain", 200),
        ("senior", "/v1/completions", "script-of-mine", 200),
        ("contractor", "/v1/completions", "completion", 200),
        ("contractor", "/v1/chat/completions", "explain", 403),
        ("contractor", "/thinking/v1/completions", "completion", 403),
        ("visitor", "/v1/completions", "completion", 403),
        ("developer:instant:completion", "/thinking/v1/completions", "completion", 403),
        (None, "/v1/completions", "completion", 403),
    ],
)
def test_the_role_decides_tier_and_feature(site: Site, role: str | None, path: str, feature: str, status: int) -> None:
    says = "" if status == 200 else "the role may not use this"
    token = site[0].token(next(_users), role)
    answer = check_asked(site, status, token=token, path=path, feature=feature, says=says)
    if status == 200:
        assert (answer.json()["choices"][0]["text"] == "deep") == path.startswith("/thinking/")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/slots"),
        ("GET", "/metrics"),
        ("GET", "//slots"),
        ("GET", "/v1/models/../../slots"),
        ("GET", "/thinking/slots"),
        ("GET", "/thinking//metrics"),
        ("POST", "/v1/models"),
        ("GET", "/v1/completions"),
        ("DELETE", "/v1/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/completions/"),
        ("POST", "/instant/thinking/v1/completions"),
    ],
)
def test_nothing_but_the_contract_is_served(site: Site, method: str, path: str) -> None:
    check_asked(site, 403, method=method, path=path, says="this path is not served")


def test_what_the_pod_is_told(site: Site) -> None:
    gateway, pods = site
    sent = {"X-Request-Id": "from-the-editor-1", "X-Session-Affinity": "s1", "Cookie": "a=b"}
    check_asked(site, 200, path="/thinking/v1/completions", token=gateway.token("told", "senior"), headers=sent)
    told = pods["deep"].asked[-1]
    assert told.path == "/v1/completions"
    assert told.headers["authorization"] == f"Bearer {POD_KEY}"
    assert told.headers["x-request-id"] == "from-the-editor-1"
    assert "cookie" not in told.headers


@pytest.mark.parametrize(("n_bytes", "status"), [(262_144, 200), (262_145, 413), (3_000_000, 413)])
def test_a_body_has_a_greatest_size(site: Site, n_bytes: int, status: int) -> None:
    frame = len('{"prompt":""}')
    body = b'{"prompt":"%b"}' % (b"x" * (n_bytes - frame))
    assert len(body) == n_bytes
    check_asked(site, status, json=None, content=body)


def test_a_body_of_unknown_size_is_not_taken(site: Site) -> None:
    check_asked(site, 411, json=None, content=iter([b'{"prompt":', b'"x"}']))


def test_one_user_is_limited_and_the_others_are_not(site: Site) -> None:
    gateway, _ = site
    token, other = gateway.token("hasty", "contractor"), gateway.token("patient", "contractor")
    statuses: list[int] = []
    with gateway.client(token) as client:
        while 429 not in statuses and len(statuses) < 300:
            answer = client.post("/v1/completions", json={"prompt": "x"})
            statuses.append(answer.status_code)
    assert set(statuses[:30]) == {200}, "30 in 10 seconds are what limits.map grants a contractor"
    assert statuses[-1] == 429
    assert answer.headers["retry-after"] == "10"
    assert gateway.post(token=other).status_code == 200
    assert gateway.post("/thinking/v1/completions", token).status_code == 429, "the limit is the user's, not the tier's"


# Which pod


def test_an_editor_finds_its_own_pod_again(site: Site) -> None:
    pods_of = {name: {_pod_of(site, name) for _ in range(3)} for name in _sessions(12)}
    assert all(len(found) == 1 for found in pods_of.values()), pods_of
    assert len(set.union(*pods_of.values())) > 1, "all sessions on one pod"


def test_only_the_editors_of_a_dead_pod_move_and_they_come_home(site: Site) -> None:
    gateway, pods = site
    names = _sessions(12)
    before = {name: _pod_of(site, name) for name in names}
    dead = before[names[0]]
    pods[dead].go_away()
    try:
        during = {name: _pod_of(site, name) for name in names}
        assert all(during[name] == before[name] for name in names if before[name] != dead)
        assert dead not in during.values()
    finally:
        pods[dead].come_back()
    eventually(lambda: _is_up(gateway, dead), f"{dead} is taken back")
    assert {name: _pod_of(site, name) for name in names} == before


def _sessions(n: int) -> list[str]:
    return [f"editor-{number}" for number in range(n)]


def _pod_of(site: Site, session: str) -> str:
    gateway, _ = site
    answer = gateway.post(token=gateway.token(next(_users)), **{"X-Session-Affinity": session})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


def _is_up(gateway: Gateway, pod: str) -> bool:
    return f'server="{pod}",state="UP"}} 1' in gateway.metrics(gateway.metrics_url)


def test_a_pod_that_dies_in_the_middle_of_a_day_costs_nobody_an_answer(site: Site) -> None:
    gateway, pods = site
    pods["a"].gate.clear()
    n_before = len(pods["a"].asked)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(_status_of, gateway, f"day-{n}") for n in range(48)]
        eventually(lambda: len(pods["a"].asked) > n_before, "requests are on their way in the pod")
        pods["a"].go_away()
        pods["a"].gate.set()
        statuses = Counter(each.result(60) for each in asked)
    pods["a"].come_back()
    eventually(lambda: _is_up(gateway, "a"), "a is taken back")
    assert statuses == {200: 48}


def _status_of(gateway: Gateway, session: str) -> int:
    return gateway.post(token=gateway.token(session), **{"X-Session-Affinity": session}).status_code


def test_a_pod_is_taken_out_for_an_upgrade_without_losing_a_request(site: Site) -> None:
    gateway, pods = site
    begun = next(name for name in _sessions(99) if _pod_of(site, name) == "b")
    n_before = len(pods["b"].asked)
    pods["b"].gate.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_pod_of, site, begun)
        eventually(lambda: len(pods["b"].asked) > n_before, "the pod has begun")
        _tell(gateway, "set server instant/b state drain")
        assert "b" not in {_pod_of(site, name) for name in _sessions(12)}
        pods["b"].gate.set()
        assert asked.result(60) == "b"
    _tell(gateway, "set server instant/b state ready")
    assert _pod_of(site, begun) == "b"


def _tell(gateway: Gateway, command: str) -> None:
    """As `socat` does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(gateway.files / "run" / "gateway.sock"))
        connection.sendall(f"{command}\n".encode())
        assert connection.recv(4_096) == b"\n"


def test_health_is_what_the_pods_of_a_tier_are(site: Site) -> None:
    gateway, pods = site

    def health(path: str) -> int:
        return httpx2.get(f"{gateway.root}{path}", verify=gateway.tls, trust_env=False).status_code

    assert (health("/health"), health("/thinking/health")) == (200, 200)
    pods["deep"].go_away()
    try:
        eventually(lambda: health("/thinking/health") == 503, "the gateway has noticed")
        assert health("/health") == 200
        answer = check_asked(site, 503, path="/thinking/v1/completions", token=gateway.token("lone", "senior"))
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["error"]["code"] == 503
    finally:
        pods["deep"].come_back()
    eventually(lambda: health("/thinking/health") == 200, "the pod is taken back")


# How it answers


def test_each_piece_of_a_stream_arrives_before_the_next_is_made(site: Site) -> None:
    gateway, pods = site
    pod = pods["deep"]
    pod.reply = Reply(tuple(f"piece {n}" for n in range(8)))
    pod.steps = threading.Semaphore(1)
    try:
        with (
            gateway.client(gateway.token("reader", "senior")) as client,
            client.stream("POST", "/thinking/v1/completions", json={"prompt": "x", "stream": True}) as stream,
        ):
            events = (line for line in stream.iter_lines() if line)
            for n in range(8):
                assert f'"piece {n}"' in next(events)
                pod.steps.release()
            pod.steps.release(9)
            assert list(events)[-1] == "data: [DONE]"
    finally:
        pod.steps = None
        pod.reply = Reply(("deep",))


def test_an_editor_that_goes_away_stops_the_pod(site: Site) -> None:
    gateway, pods = site
    pod = pods["deep"]
    n_before, pod.reply = pod.n_left, Reply(("one",), fault="hang in the middle")
    try:
        with (
            gateway.client(gateway.token("leaver", "senior")) as client,
            client.stream("POST", "/thinking/v1/completions", json={"prompt": "x", "stream": True}) as stream,
        ):
            assert '"one"' in next(line for line in stream.iter_lines() if line)
        eventually(lambda: pod.n_left > n_before, "the pod is told")
    finally:
        pod.reply = Reply(("deep",))


def test_who_asked_least_goes_first(narrow: Site) -> None:
    gateway, pods = narrow
    pod = pods["only"]
    greedy, modest = gateway.token("greedy"), gateway.token("modest")
    pod.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(gateway.post, token=greedy, **{"X-Request-Id": "greedy-first"})]
        eventually(lambda: len(pod.asked) == 1, "the pod is busy")
        for n in range(4):
            asked.append(pool.submit(gateway.post, token=greedy, **{"X-Request-Id": f"greedy-{n}"}))
            eventually(lambda n=n: _queue(gateway) == n + 1, f"{n + 1} wait")
        asked.append(pool.submit(gateway.post, token=modest, **{"X-Request-Id": "modest-1"}))
        eventually(lambda: _queue(gateway) == 5, "all wait")
        pod.gate.set()
        assert {each.result(60).status_code for each in asked} == {200}
    assert pod.asked[1].headers["x-request-id"] == "modest-1"


def test_a_queue_that_is_not_worth_waiting_in_is_closed(narrow: Site) -> None:
    gateway, pods = narrow
    pods["only"].gate.clear()
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(gateway.post, token=gateway.token(f"waiting-{n}")) for n in range(10)]
        eventually(lambda: _queue(gateway) == 9, "nine wait behind the one")
        answer = gateway.post(token=gateway.token("late"))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        assert "busy" in answer.text
        pods["only"].gate.set()
        assert {each.result(60).status_code for each in waiting} == {200}
    assert gateway.post(token=gateway.token("late")).status_code == 200


def _queue(gateway: Gateway) -> int:
    metrics = gateway.metrics(gateway.metrics_url)
    (found,) = re.findall(r'haproxy_server_current_queue\{proxy="instant",server="only"\} (\d+)', metrics)
    return int(found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python's names for what is refused
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(site: Site, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(site[0].ca_file))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", site[0].port)) as connection,
        pytest.raises(OSError, match=r"(?i)ssl|reset"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_nothing_is_said_without_tls(site: Site) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://localhost:{site[0].port}/health", trust_env=False)


# What is written down

CANARY = "canary_of_the_source"


def test_a_line_says_who_asked_for_what_and_never_what_it_said(site: Site) -> None:
    gateway, _ = site
    token = gateway.token("grace", "senior")
    sent = {"X-Request-Id": "line-0001", "X-Session-Affinity": CANARY, "X-Canary": CANARY}
    path = f"/thinking/v1/completions?{CANARY}=1"
    check_asked(site, 200, token=token, path=path, feature="fix", headers=sent, json={"prompt": CANARY})
    entry = gateway.entry("line-0001")
    told = {"user", "role", "tier", "feature", "method", "path", "status", "pod"}
    assert {name: entry[name] for name in sorted(told)} == {
        "feature": "fix",
        "method": "POST",
        "path": "/v1/completions",
        "pod": "deep",
        "role": "senior",
        "status": 200,
        "tier": "thinking",
        "user": "grace",
    }
    assert entry["bytes_in"] > len(CANARY)
    assert entry["bytes_out"] > 0
    assert 0 <= entry["queue_ms"] + entry["header_ms"] <= entry["total_ms"]
    written = gateway.access_log.read_text()
    assert CANARY not in written
    assert token not in written
    assert token.split(".")[2] not in written


def test_who_is_refused_is_not_named_by_claims_that_nobody_checked(site: Site) -> None:
    forged = rs256(STRANGE, claims('mallory","status":200', "senior"))
    answer = check_asked(site, 401, token=forged)
    entry = site[0].entry(answer.headers["x-request-id"])
    assert (entry["status"], entry["user"], entry["role"]) == (401, "-", "-")


def test_a_name_cannot_break_its_line(site: Site) -> None:
    gateway, _ = site
    name = 'ad","status":1}\n{"x":"'
    answer = check_asked(site, 200, token=gateway.token(name))
    assert gateway.entry(answer.headers["x-request-id"])["user"] == name


def test_a_path_cannot_break_its_line(site: Site) -> None:
    answer = check_asked(site, 403, path="/v1/" + "long" * 5_000, says="this path is not served")
    entry = site[0].entry(answer.headers["x-request-id"])
    assert entry["status"] == 403
    assert entry["path"].startswith("/v1/long")


@pytest.mark.parametrize("sent", ["short", "with a blank", '"},{"', "x" * 65])
def test_an_id_that_is_none_is_replaced(site: Site, sent: str) -> None:
    answer = check_asked(site, 200, headers={"X-Request-Id": sent})
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


def test_requests_are_counted_and_timed_for_prometheus(site: Site) -> None:
    gateway, _ = site
    token = gateway.token("counted", "senior")
    labels = 'tier="thinking",feature="tests",role="senior",status="200"'
    for _ in range(3):
        check_asked(site, 200, token=token, path="/thinking/v1/completions", feature="tests")
    eventually(lambda: _figure(gateway, f"instant_requests_total{{{labels}}}") == 3, "mtail has read three lines")
    of_tests = 'tier="thinking",feature="tests"'
    for name in ("instant_request_seconds", "instant_first_token_seconds"):
        assert _figure(gateway, f"{name}_count{{{of_tests}}}") == 3
        assert _figure(gateway, f'{name}_bucket{{{of_tests},le="+Inf"}}') == 3
        assert _figure(gateway, f"{name}_sum{{{of_tests}}}") >= 0
    assert 'haproxy_frontend_http_requests_total{proxy="gateway"}' in gateway.metrics(gateway.metrics_url)


def _figure(gateway: Gateway, series: str) -> float:
    """The value of a series, whatever the order of its labels; 0 when there is none."""
    name, labels = re.fullmatch(r"(\w+)\{(.*)\}", series).groups()  # type: ignore[union-attr]
    wanted = set(labels.split(","))
    for line in gateway.metrics(gateway.mtail_url).splitlines():
        found = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
        if found and wanted <= set(found[1].split(",")):
            return float(found[2])
    return 0


def test_the_access_log_rotates_and_loses_no_line(site: Site, tmp_path: Path) -> None:
    gateway, _ = site
    n_before = len(gateway.entries())
    check_asked(site, 200, headers={"X-Request-Id": "before-rotation"})
    gateway.entry("before-rotation")
    pid_file = gateway.folder / "rsyslog.pid"
    text = shipped(
        "gateway/logrotate.conf",
        **{
            "/var/log/instant": str(gateway.access_log.parent),
            "/usr/lib/rsyslog/rsyslog-rotate": f"kill -HUP $(cat {pid_file})",
        },
    )
    rules = tmp_path / "logrotate.conf"
    rules.write_text(text, encoding="utf-8")
    rules.chmod(0o644)
    gateway.access_log.parent.chmod(0o750)
    run("logrotate", "--force", "--state", tmp_path / "state", rules)
    old = gateway.access_log.with_suffix(".jsonl.1")
    assert len(old.read_text().splitlines()) == n_before + 1
    eventually(lambda: _writes_anew(site), "new lines go to the new file")


def _writes_anew(site: Site) -> bool:
    check_asked(site, 200, headers={"X-Request-Id": "after-rotation"})
    return any(entry["id"] == "after-rotation" for entry in site[0].entries())
