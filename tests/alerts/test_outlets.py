"""Commands and webhooks: what they get, what they never get, and what goes wrong said once."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.outlets import WAITING, Command, Failed, Outlets, outlets_of
from cli.outlets_web import Webhook
from cli.settings import Settings
from engine.batch import BatchBuilder
from engine.core import State
from engine.events import Alert, Setup
from engine.frame.alerts import Event
from engine.rules import AlertRule, AlertRules
from engine.session import Session
from tests.alerts.planted import BTC, CALM_S, RULE_S, START_NS, Bench, leaning
from tests.laws.test_laws import ListSource

WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"


class Ear:
    """An outlet that keeps what it hears; `after` is called first."""

    def __init__(self) -> None:
        self.heard: list[dict[str, object]] = []
        self.go = threading.Event()
        self.go.set()

    def tell(self, payload: bytes) -> None:
        self.go.wait(10)
        self.heard.append(json.loads(payload))


def told(state: State, outlets: Outlets, *, notify: bool = True, text: str = "because") -> None:
    alert = Alert(state.ts, 0, "LONG", 0.5, text)
    state.events.append(Event(alert.ts, "LONG", text, 0, 0.5, "imbalance", notify=notify))
    outlets(state, [alert])


def state() -> State:
    it = Bench(BTC).state
    it.ts = 1_723_161_254_500_000_000
    return it


def test_an_alert_whose_rule_asks_for_it_is_told_and_no_other() -> None:
    ear, said = Ear(), list[str]()
    outlets, it = Outlets([ear], said.append, 60), state()
    told(it, outlets, notify=False, text="not this one")
    outlets(it, [Alert(it.ts, None, "MARK", None, "a mark that is no event here")])
    told(it, outlets)
    outlets.close()
    assert ear.heard == [
        {
            "ts": "2024-08-08T23:54:14.500+00:00", "kind": "LONG", "rule": "imbalance", "venue": "binance",
            "symbol": "BTCUSDT", "text": "because", "confidence": 0.5, "dropped_before": 0,
        }
    ]  # fmt: skip
    assert said == []


def test_no_more_than_so_many_a_minute_and_the_rest_is_counted() -> None:
    ear, now = Ear(), [0.0]
    outlets, it = Outlets([ear], lambda _: None, 3, lambda: now[0]), state()
    for i in range(10):
        told(it, outlets, text=f"{i}")
    now[0] = 61.0
    told(it, outlets, text="later")
    outlets.close()
    assert [(row["text"], row["dropped_before"]) for row in ear.heard] == [
        ("0", 0), ("1", 0), ("2", 0), ("later", 7),
    ]  # fmt: skip


def test_an_outlet_that_hangs_holds_up_nobody() -> None:
    ear = Ear()
    ear.go.clear()
    outlets, it = Outlets([ear], lambda _: None, 10_000), state()
    began = time.monotonic()
    for i in range(500):
        told(it, outlets, text=f"{i}")
    assert time.monotonic() - began < 5.0
    ear.go.set()
    outlets.close(10.0)
    assert len(ear.heard) <= WAITING + 1


async def test_it_ends_with_the_session() -> None:
    ear = Ear()
    outlets = Outlets([ear], lambda _: None, 60)
    running = asyncio.create_task(outlets.run())
    await asyncio.sleep(0)
    told(state(), outlets)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(ear.heard) == 1
    assert not any(thread.name == "outlets" for thread in threading.enumerate())


def test_what_fails_is_said_once() -> None:
    class Broken:
        def tell(self, payload: bytes) -> None:
            raise Failed("it is broken")

    said: list[str] = []
    outlets, it = Outlets([Broken()], said.append, 60), state()
    for _ in range(5):
        told(it, outlets)
    outlets.close()
    assert said == ["it is broken"]


def test_a_command_reads_the_payload_and_no_shell_reads_the_command(tmp_path: Path) -> None:
    file = tmp_path / "a file; touch $(pwd)"
    Command([sys.executable, "-c", WRITE, str(file)], 20.0).tell(b'{"text": "$(touch x) `y`"}')
    assert file.read_bytes() == b'{"text": "$(touch x) `y`"}\n'
    assert list(tmp_path.iterdir()) == [file]


def test_our_own_variables_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROTUI_GATEWAY_KEY", "hunter2")
    file = tmp_path / "environment"
    code = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(repr(dict(os.environ)))"
    Command([sys.executable, "-c", code, str(file)], 20.0).tell(b"{}")
    assert "hunter2" not in file.read_text()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/nowhere/to-be-found"], "the alert command 'to-be-found' cannot be run: No such file"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with 3"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "had not ended after 0.5 s"),
    ],
)
def test_a_command_that_fails(argv: list[str], said: str) -> None:
    with pytest.raises(Failed, match=said):
        Command(argv, 0.5 if "sleep" in argv[-1] else 20.0).tell(b"{}" * 100_000)


def test_a_command_that_does_not_read_is_none_of_our_business(tmp_path: Path) -> None:
    """It ends with more unread than any pipe holds: nothing is said, and the next alert is told as well."""
    code = "import os, sys; os.close(0); open(sys.argv[1], 'a').write('ran ')"
    said: list[str] = []
    command = Command([sys.executable, "-c", code, str(tmp_path / "x")], 20.0)
    outlets, it = Outlets([command], said.append, 60), state()
    for _ in range(2):
        told(it, outlets, text="x" * 1_000_000)
    outlets.close(20.0)
    assert (tmp_path / "x").read_text() == "ran ran "
    assert said == []


class Site(http.server.BaseHTTPRequestHandler):
    got: list[tuple[str, dict[str, str], bytes]]
    status = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(type(self).status)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """It says nothing."""


@pytest.fixture
def site() -> Iterator[tuple[str, type[Site]]]:
    handler = type("Here", (Site,), {"got": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hunter2", handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_gets_the_payload_and_the_header(site: tuple[str, type[Site]]) -> None:
    url, handler = site
    Webhook(url, "X-Key: hunter2", 10.0).tell(b'{"kind": "LONG"}')
    ((path, headers, body),) = handler.got
    assert (path, body) == ("/hunter2", b'{"kind": "LONG"}')
    assert headers["x-key"] == "hunter2"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_another_answer_is_a_failure_and_is_followed_nowhere(
    site: tuple[str, type[Site]], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    url, handler = site
    handler.status = status
    with pytest.raises(Failed, match=f"the alert webhook at 127.0.0.1 answered with {status}") as caught:
        Webhook(url, "X-Key: hunter2", 10.0).tell(b"{}")
    assert len(handler.got) == 1
    assert "hunter2" not in f"{caught.value!r} {Webhook(url, 'X-Key: hunter2', 1.0)!r}"
    assert "hunter2" not in caplog.text


def test_nobody_there_is_a_failure_without_the_address() -> None:
    with pytest.raises(Failed, match=r"the alert webhook at 127\.0\.0\.1 failed: ConnectError") as caught:
        Webhook("http://127.0.0.1:9/hunter2", "", 2.0).tell(b"{}")
    assert "hunter2" not in str(caught.value)


def test_nothing_is_told_where_nothing_is_set(tmp_path: Path) -> None:
    assert outlets_of(Settings(), lambda _: None) is None
    settings = Settings.model_validate(
        {"alerting": {"command": [sys.executable, "-c", WRITE, str(tmp_path / "x")]}}
    )
    outlets = outlets_of(settings, lambda _: None)
    assert outlets is not None
    told(state(), outlets)
    outlets.close(20.0)
    assert json.loads((tmp_path / "x").read_text())["rule"] == "imbalance"
    assert os.listdir(tmp_path) == ["x"]


def test_a_session_tells_of_its_imbalance_while_it_runs() -> None:
    """From the book to the outlet: the rule travels in the setup, the outlet hangs on the session's rim."""
    ear = Ear()
    outlets = Outlets([ear], lambda _: None, 60)
    batches = list(leaning(CALM_S + RULE_S + 5, CALM_S))
    rule = AlertRule("imbalance", "signal", threshold=0.0, notify=True)
    setup = BatchBuilder()
    setup.add_note(Setup(alerts=AlertRules((rule,))), START_NS)
    session = Session(ListSource([batches[0], setup.take(), *batches[1:]]))
    session.observers.append(outlets)
    asyncio.run(session.run())
    outlets.close()
    assert [(row["kind"], row["rule"]) for row in ear.heard] == [("LONG", "imbalance")]
