"""The doctor: what it finds in files, parts, settings and on the network, and that it never takes long."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cli import doctor_files, doctor_network, doctor_parts
from cli.doctor import doctor
from cli.doctor_report import FAULT, HINT, OK, Finding, as_json
from cli.settings import load
from engine.feeds.driver import Internet
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_venues import dialect_of
from engine.feeds.probe import Probed, patience, probe_rest, probe_socket


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own; the kernels' cache stays where it is."""
    for name in [name for name in os.environ if name.startswith("MICROTUI_")]:
        monkeypatch.delenv(name)
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path


def look(*args: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    result = CliRunner().invoke(doctor, ["--json", *args])
    found: dict[str, list[dict[str, object]]] = {}
    for line in result.stdout.splitlines():
        finding = json.loads(line)
        found.setdefault(f"{finding['area']} {finding['what']}", []).append(finding)
    return result.exit_code, found


def test_offline_everything_is_looked_at_and_nothing_is_wrong(home: Path) -> None:
    code, found = look("--offline")
    assert code == 0
    areas = {line["area"] for lines in found.values() for line in lines}
    assert areas == {"terminal", "files", "clock", "program", "caches", "extras", "models"}
    assert found["files recordings"][0]["path"] == str(home / "data" / "microtui" / "sessions")
    assert found["files sessions"][0]["count"] == 0
    plain = CliRunner().invoke(doctor, ["--offline"])
    assert plain.stdout.splitlines()[-1].startswith("0 faults, ")
    assert "FILES" in plain.stdout


def test_a_broken_file_of_settings_is_a_fault_and_the_rest_is_still_looked_at(home: Path) -> None:
    (home / "config.toml").write_text("[record]\nkeep_dys = 3\n[sources.reddit]\nclient_id = 'hunter2'\n")
    code, found = look("--offline")
    assert code == 1
    told = " ".join(str(line["found"]) for line in found["files settings"])
    assert f"{home / 'config.toml'}:2: record.keep_dys is not a setting" in told
    assert "extras parquet" in found
    result = CliRunner().invoke(doctor, ["--offline"])
    assert "hunter2" not in result.stdout
    assert CliRunner().invoke(doctor, ["--offline", "--set", "nonsense"]).exit_code == 1


def test_keys_are_set_or_not_set(home: Path) -> None:
    file = home / "config.toml"
    file.write_text(
        "[sources.reddit]\nclient_id = 'hunter1'\nclient_secret = 'hunter2'\n"
        "[sentiment.gateway]\nurl = 'https://host/v1'\nmodel = 'm'\napi_key = 'hunter4'\n"
        "price_in_usd = 1\nprice_out_usd = 1\n"
    )
    file.chmod(0o600)
    code, found = look("--offline")
    assert code == 0
    assert found["models Reddit keys"][0]["found"] == "set"
    assert "key set" in str(found["models gateway"][0]["found"])
    assert "hunter" not in json.dumps(found)


def test_recordings_are_counted(home: Path) -> None:
    folder = home / "data" / "microtui" / "sessions"
    folder.mkdir(parents=True)
    for number, days in ((1, 3), (2, 10)):
        (folder / f"{number}.sqlite").write_bytes(bytes(2_000_000))
        then = time.time() - days * 86_400
        os.utime(folder / f"{number}.sqlite", (then, then))
    _, found = look("--offline")
    line = found["files sessions"][0]
    assert (line["count"], line["bytes"]) == (2, 4_000_000)
    assert "2 sessions, 4 MB, the oldest 10 days old" in str(line["found"])


def test_a_folder_that_cannot_be_used_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "new" / "deeper"
    assert doctor_files.folder_finding("data", inside, "").level == OK
    (tmp_path / "file").write_text("")
    assert doctor_files.folder_finding("data", tmp_path / "file" / "x", "").level == FAULT
    room = SimpleNamespace(free=1 << 30)
    monkeypatch.setattr(doctor_files.shutil, "disk_usage", lambda path: room)
    assert doctor_files.folder_finding("data", inside, "").level == HINT
    room.free = 1 << 20
    assert doctor_files.folder_finding("data", inside, "").level == FAULT
    room.free = 1 << 40
    monkeypatch.setattr(doctor_files.os, "access", lambda path, mode: False)
    refused = doctor_files.folder_finding("data", inside, "")
    assert refused.level == FAULT
    assert f"chown or chmod {tmp_path}" in refused.advice


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = {
        name: tuple(requirement.partition(">")[0].partition("=")[0] for requirement in requirements)
        for name, requirements in project["optional-dependencies"].items()
    }
    assert {name: extra.packages for name, extra in doctor_parts.EXTRAS.items()} == named
    needed = {requirement.partition(">")[0] for requirement in project["dependencies"]}
    assert set(doctor_parts._COUNT) - {"llvmlite"} <= needed


def test_what_comes_from_outside_is_cleaned() -> None:
    told = as_json(Finding("network", "x\x1b[31m", OK, "a\x1b]0;b\x07\nc", "d\u202ee"))
    assert [told["what"], told["found"], told["advice"]] == ["x[31m", "a]0;b c", "de"]


# the network


@pytest.fixture(scope="module")
def exchange() -> Iterator[FakeServer]:
    """A fake exchange in a thread of its own."""
    ready: list[FakeServer] = []
    started, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with FakeServer(dialect_of("binance"), ["BTCUSDT"]) as server:
            ready.append(server)
            started.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(20)
    yield ready[0]
    over.set()
    thread.join()


@pytest.fixture
def hanging() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def nobody() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_each_step_of_the_way_is_timed(exchange: FakeServer) -> None:
    internet = Internet(patience(2.0))
    before = time.time_ns()
    answer = await probe_rest(internet, f"{exchange.rest}/api/v3/time", 2.0)
    opened = await probe_socket(internet, f"{exchange.ws}/stream", 2.0)
    missing = await probe_rest(internet, f"{exchange.rest}/api/v3/nothing", 2.0)
    await internet.close()
    assert (answer.reason, answer.status, answer.tls_ms) == ("", 200, None)
    assert before < answer.sent_ns < answer.answered_ns < time.time_ns()
    for ms in (answer.dns_ms, answer.tcp_ms, answer.first_byte_ms, opened.first_byte_ms):
        assert ms is not None
        assert 0 < ms < 2000
    assert "serverTime" in answer.body.decode()
    assert opened.reason == ""
    assert missing.reason.startswith("404 from 127.0.0.1")


async def test_nothing_waits_longer_than_it_was_told(hanging: int) -> None:
    internet = Internet(patience(0.6))
    began = time.monotonic()
    urls = [f"http://127.0.0.1:{hanging}/{n}" for n in range(6)]
    sockets = [f"ws://127.0.0.1:{hanging}/{n}" for n in range(6)]
    answers = await asyncio.gather(
        *(probe_rest(internet, url, 0.6) for url in urls),
        *(probe_socket(internet, url, 0.6) for url in sockets),
        probe_rest(internet, f"http://127.0.0.1:{nobody()}/", 0.6),
        probe_rest(internet, "http://nowhere.invalid/", 0.6),
    )
    assert time.monotonic() - began < 2.5
    await internet.close()
    assert all("did not answer within" in answer.reason for answer in answers[:12])
    assert "cannot be reached" in answers[12].reason
    assert "nowhere.invalid" in answers[13].reason


def test_the_command_asks_every_endpoint_and_the_clock(home: Path, exchange: FakeServer) -> None:
    text = ["sources.on=false"]
    venues = [
        f"venues.{name}.{kind}={url}"
        for name, rest, ws in (
            ("binance", f"{exchange.rest},http://127.0.0.1:{nobody()}", exchange.ws),
            ("binance_usdm", f"http://127.0.0.1:{nobody()}", f"ws://127.0.0.1:{nobody()}"),
            ("coinbase", f"http://127.0.0.1:{nobody()}", f"ws://127.0.0.1:{nobody()}"),
            ("kraken", f"http://127.0.0.1:{nobody()}", f"ws://127.0.0.1:{nobody()}"),
        )
        for kind, url in (("rest", rest), ("ws", ws))
    ]
    code, found = look(*(part for setting in (*text, *venues) for part in ("--set", setting)))
    assert code == 0, "one venue can be watched"
    good, other = found["network binance REST"]
    assert (good["level"], good["status"]) == (OK, 200)
    assert (other["level"], other["advice"]) == (HINT, "another endpoint of the venue answers and is used")
    assert found["network binance WebSocket"][0]["level"] == OK
    assert "binance can (--venue)" in str(found["network kraken WebSocket"][0]["advice"])
    clock = found["clock offset"][0]
    assert clock["level"] == OK
    assert isinstance(clock["offset_s"], float)
    assert isinstance(clock["doubt_s"], float)
    assert abs(clock["offset_s"]) <= clock["doubt_s"]


def answers(**reasons: str) -> list[tuple[doctor_network.Asked, Probed]]:
    """An answer of each: `venue_kind` -> what went wrong, empty where nothing did."""
    kinds = {"rest": "REST", "ws": "WebSocket", "text": "text"}
    found = []
    for name, reason in reasons.items():
        venue, _, kind = name.partition("_")
        status = 0 if kind == "ws" else int(reason[:3]) if reason[:3].isdigit() else 200
        asked = doctor_network.Asked(venue, kinds[kind], f"https://me:secret@{venue}.com/x")
        found.append((asked, Probed(asked.url, reason, status, first_byte_ms=None if reason else 20.0)))
    return found


def test_a_fault_is_where_no_venue_is_left() -> None:
    told = list(doctor_network.judge(answers(a_rest="", a_ws="", b_rest="451 from b", b_ws="", n_text="x")))
    assert [f.level for f in told] == [OK, OK, HINT, OK, HINT]
    assert told[2].advice == "this venue cannot be watched from here; a can (--venue)"
    assert not any("secret" in f.found for f in told)
    told = list(
        doctor_network.judge(answers(a_rest="451 from a", a_ws="", b_rest="", b_ws="cannot be reached"))
    )
    assert [f.level for f in told] == [FAULT, OK, OK, FAULT]
    assert "refuses this place" in told[0].advice
    assert "set venues.b.ws" in told[3].advice


def test_every_venue_and_every_source_that_is_on_is_asked(tmp_path: Path) -> None:
    settings = load(tmp_path / "none", ["chain.on=true"], {})
    asked = doctor_network.endpoints(settings)
    urls = [one.url for one in asked]
    assert "https://api.binance.com/api/v3/time" in urls
    assert "wss://fstream.binance.com/public/stream" in urls
    assert "https://www.reddit.com/r/CryptoCurrency/new/.rss" in urls
    assert {"REST", "WebSocket", "text", "chain"} == {one.kind for one in asked}
    assert len(urls) == len(set(urls))
    less = load(tmp_path / "none", ["sources.on=false"], {})
    assert {one.kind for one in doctor_network.endpoints(less)} == {"REST", "WebSocket"}
