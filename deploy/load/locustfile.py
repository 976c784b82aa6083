"""Developers at their keyboards, for Locust (https://locust.io): what a gateway and its pods hold.

    pip install locust
    locust -f deploy/load/locustfile.py --headless --users 50 --run-time 5m --only-summary \
        --host https://gateway.example.internal --ca-file company-ca.pem --tokens tokens.txt Developer

tokens.txt has one token a line, one for each user that the gateway is to tell apart; developers take them in turn.
Nothing is sent but the made-up code below, or that of `--code`. Two figures are reported for each answered request,
`first token` and `whole answer`. What the gateway refused, saying when to come again (429, 503), is counted as
`refused`: under overload that is how it should be. Only what fails counts as a failure. `Impatient` asks without a
pause, twelve times at once: what one broken script does.
"""

from __future__ import annotations

import itertools
import time
import uuid
from pathlib import Path
from typing import Any

import gevent.pool
import requests
from locust import User, between, constant, events

CODE = '''\
"""Prices of a shop: what an order costs, with discounts, taxes and shipping."""

from dataclasses import dataclass


@dataclass
class Line:
    article: str
    price: float
    quantity: int


'''
TYPED = "def total(lines: list[Line], tax_rate: float) -> float:\n    net = sum(line.price * line.quantity for line in"
N_AT_ONCE = 12


@events.init_command_line_parser.add_listener
def _add_options(parser: Any) -> None:
    parser.add_argument("--tokens", required=True, help="file with one bearer token a line")
    parser.add_argument("--ca-file", default="", help="PEM file of the authority that signed the gateway's certificate")
    parser.add_argument("--code", default="", help="file with the code that every prompt begins with")
    parser.add_argument("--max-tokens", type=int, default=24, help="tokens of an answer")
    parser.add_argument("--pause-s", type=float, default=3.0, help="longest pause between two requests of a developer")


@events.init.add_listener
def _read_tokens(environment: Any, **_: Any) -> None:
    environment.tokens = itertools.cycle(Path(environment.parsed_options.tokens).read_text().split())


class Developer(User):
    """One who types, pauses, and is shown a completion."""

    name = "developer"
    wait_time = between(0, 1)

    def on_start(self) -> None:
        """Takes a place: a token, a session, and one connection."""
        options = self.environment.parsed_options
        self.options = options
        self.code = Path(options.code).read_text() if options.code else CODE
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = options.ca_file or True
        self.session.headers["Authorization"] = f"Bearer {next(self.environment.tokens)}"
        self.session.headers["X-Session-Affinity"] = uuid.uuid4().hex
        self.session.headers["X-Instant-Feature"] = "completion"
        self.n_typed = itertools.count(1)

    def wait(self) -> None:
        """Pauses as long as the options say, at random."""
        self._sleep(self.wait_time() * self.options.pause_s)

    def task_type_and_look(self) -> None:
        """Types a few more letters, and asks for what comes next."""
        self.ask()

    tasks = [task_type_and_look]  # noqa: RUF012  Locust's way

    def ask(self) -> None:
        """One completion, streamed; the prompt begins as the last one did."""
        n = next(self.n_typed) * 4 % len(TYPED)
        body = {
            "prompt": f"{self.code}# {self.session.headers['X-Session-Affinity']}\n{TYPED[:n]}",
            "max_tokens": self.options.max_tokens,
            "temperature": 0,
            "stream": True,
        }
        began = time.perf_counter()
        try:
            with self.session.post(f"{self.host}/v1/completions", json=body, stream=True, timeout=60) as answer:
                self._read(answer, began)
        except requests.RequestException as error:
            self._tell("whole answer", began, error)

    def _read(self, answer: requests.Response, began: float) -> None:
        if "Retry-After" in answer.headers:
            self._tell("refused", began)
            gevent.sleep(float(answer.headers["Retry-After"]) if self.name == "developer" else 0)
            return
        if answer.status_code != requests.codes.ok:
            self._tell("whole answer", began, RuntimeError(f"status {answer.status_code}"))
            return
        is_first = True
        for line in answer.iter_lines():
            if is_first and line:
                self._tell("first token", began)
                is_first = False
        self._tell("whole answer", began)

    def _tell(self, what: str, began: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=self.name,
            name=what,
            response_time=(time.perf_counter() - began) * 1_000,
            response_length=0,
            exception=error,
            context={},
        )


class Impatient(Developer):
    """One who asks again and again, several times at once, and heeds no 429."""

    name = "impatient"
    wait_time = constant(0)

    def task_ask_and_ask(self) -> None:
        """Keeps more requests on the way than the gateway lets one user have."""
        pool = gevent.pool.Pool(N_AT_ONCE)
        for _ in range(N_AT_ONCE):
            pool.spawn(self.ask)
        pool.join()

    tasks = [task_ask_and_ask]  # noqa: RUF012  Locust's way
