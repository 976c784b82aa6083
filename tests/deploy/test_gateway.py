"""The gateway: who may ask which pod, and how much; by a real HAProxy with the files that are shipped."""

from __future__ import annotations

from gateways import Gateway


def test_a_developer_is_answered(gateway: Gateway) -> None:
    answer = gateway.post()
    assert answer.status_code == 200, answer.text
    print(answer.text)
    entry = gateway.entry(answer.headers["x-request-id"])
    print(entry, gateway.metrics(gateway.mtail_url))
    assert entry["user"] == "ada"
    gateway.reload()
    assert gateway.post().status_code == 200
