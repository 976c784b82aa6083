"""The firewall of a pod's host: four hosts in network namespaces, with the rules that are shipped on one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host, network
from programs import DEPLOY

POD_PORT, OTHER_PORT = 8000, 9000
POD_USER = "65534"

Hosts = dict[str, Host]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """A pod behind its firewall; it and the desk serve pages."""
    folder = tmp_path_factory.mktemp("hosts")
    log = folder / "log"
    with network("pod", "gateway", "desk", "monitor", log=log) as made:
        pod, desk = made["pod"], made["desk"]
        _write_addresses(folder, made)
        with (
            pod.serving(POD_PORT, log, user=POD_USER),
            pod.serving(OTHER_PORT, log),
            desk.serving(OTHER_PORT, log),
        ):
            assert desk.asks(_url(pod)) == "200", "what the firewall refuses is to be had without it"
            for _ in range(2):  # once more changes nothing
                pod.run("nft", "--includepath", folder, "--file", DEPLOY / "pod" / "firewall.nft")
            yield made


def _write_addresses(folder: Path, hosts: Hosts) -> None:
    """The file that a site writes, as the one that is shipped says."""
    said = (DEPLOY / "pod" / "addresses.nft").read_text(encoding="utf-8")
    names = [line.split()[1] for line in said.splitlines() if line.startswith("define")]
    assert names == ["pod_ports", "gateways", "monitors", "pod_user"]
    values = (POD_PORT, hosts["gateway"].address, hosts["monitor"].address, POD_USER)
    lines = [
        f"define {name} = {value if name == 'pod_user' else f'{{ {value} }}'}"
        for name, value in zip(names, values, strict=True)
    ]
    (folder / "instant").mkdir()
    (folder / "instant" / "addresses.nft").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _url(host: Host, port: int = POD_PORT) -> str:
    return f"http://{host.address}:{port}/"


def _counted(hosts: Hosts, name: str) -> int:
    said = json.loads(hosts["pod"].run("nft", "--json", "list", "counter", "inet", "instant_pod", name))
    return int(next(entry["counter"]["packets"] for entry in said["nftables"] if "counter" in entry))


@pytest.mark.parametrize("name", ["gateway", "monitor", "pod"])
def test_the_pod_answers_the_gateway_and_what_measures_it(hosts: Hosts, name: str) -> None:
    before = _counted(hosts, "refused")
    assert hosts[name].asks(_url(hosts["pod"])) == "200"
    assert _counted(hosts, "refused") == before


def test_a_developers_host_does_not_reach_the_pod(hosts: Hosts) -> None:
    before = _counted(hosts, "refused")
    assert hosts["desk"].asks(_url(hosts["pod"])) == "refused"
    assert _counted(hosts, "refused") > before


@pytest.mark.parametrize("name", ["desk", "gateway"])
def test_the_other_protocol_is_no_way_around(hosts: Hosts, name: str) -> None:
    pod = hosts["pod"]
    assert hosts[name].asks(f"http://[{pod.address6}]:{OTHER_PORT}/") == "200"
    assert hosts[name].asks(f"http://[{pod.address6}]:{POD_PORT}/") == "refused"


def test_the_hosts_other_ports_are_none_of_its_business(hosts: Hosts) -> None:
    assert hosts["desk"].asks(_url(hosts["pod"], OTHER_PORT)) == "200"


def test_the_pods_user_opens_no_connection_of_its_own(hosts: Hosts) -> None:
    pod, desk = hosts["pod"], hosts["desk"]
    before = _counted(hosts, "outbound")
    assert pod.asks(_url(desk, OTHER_PORT), user=POD_USER) == "refused"
    assert pod.asks(f"http://[{desk.address6}]:{OTHER_PORT}/", user=POD_USER) == "refused"
    assert _counted(hosts, "outbound") >= before + 2
    assert pod.asks(_url(desk, OTHER_PORT)) == "200", "who runs the host is not held back"
    assert pod.asks(_url(pod), user=POD_USER) == "200", "nor is the pod towards itself"


def test_rules_that_accept_everything_do_not_open_it(hosts: Hosts) -> None:
    rules = "table inet site { chain input { type filter hook input priority 0; policy accept; accept; }; }"
    hosts["pod"].run("nft", "--file", "-", text=rules)
    assert hosts["desk"].asks(_url(hosts["pod"])) == "refused"
    assert hosts["gateway"].asks(_url(hosts["pod"])) == "200"
