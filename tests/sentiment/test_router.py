"""Which posts go up and how far, and the commands that use the same path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cli import paths
from cli.errors import UserError
from cli.main import main
from cli.settings import Settings, load
from engine.sentiment import tiers
from engine.sentiment.embedded import load as embedded
from engine.sentiment.router import DOUBTFUL, Here, Routed, Router
from engine.sentiment.scores import Scores, concat, from_draws
from engine.sentiment.service import Answer
from store.spend import Spend
from tests.sentiment.endpoint import Asked, Endpoint, Said

SURE, UNSURE = 0.9, 0.5


def scores_of(bulls: Sequence[float], tier: int = 0) -> Scores:
    p = np.array(bulls, float)
    return from_draws(np.stack([0.8 * (1 - p), np.full(len(p), 0.2), 0.8 * p], -1)[None], tier=tier)


class Model:
    """The local tier; answers what it is told to, of those texts that it has an answer for."""

    model = "small"

    def __init__(self, known: dict[str, float], available: bool = True) -> None:
        self.known, self.available = known, available
        self.asked: list[list[str]] = []

    async def score(self, texts: Sequence[str]) -> Answer:
        self.asked.append(list(texts))
        rows = [row for row, text in enumerate(texts) if text in self.known]
        found = scores_of([self.known[texts[row]] for row in rows], 1) if rows else concat([])
        return Answer(rows, found, self.model, [0] * len(rows))

    async def close(self) -> None:
        self.available = False


class Money:
    """The gateway."""

    state = "ready"

    def __init__(self, known: dict[str, float], ready: bool = True) -> None:
        self.known, self.ready = known, ready
        self.asked: list[list[str]] = []

    async def ask(self, texts: Sequence[str]) -> Answer:
        self.asked.append(list(texts))
        rows = [row for row, text in enumerate(texts) if text in self.known]
        found = scores_of([self.known[texts[row]] for row in rows], 2) if rows else concat([])
        return Answer(rows, found, "big", [7] * len(rows))

    async def close(self) -> None:
        self.ready = False


@given(st.lists(st.floats(0, 1), max_size=20), st.booleans(), st.booleans())
def test_a_post_goes_up_only_while_it_is_doubtful_and_somebody_could_tell(
    bulls: list[float], local: bool, money: bool
) -> None:
    scores = scores_of(bulls)
    wants = Router(Model({}, local), Money({}, money)).wants(scores)
    assert wants == [(local or money) and 0.4 < p < 0.6 for p in scores.bullish]
    assert Router().wants(scores) == [False] * len(bulls)


TEXTS = ["sure", "local knows", "local doubts", "local is silent", "nobody"]


async def test_local_first_then_the_gateway_about_what_is_doubtful_still() -> None:
    model = Model({"local knows": SURE, "local doubts": 0.45})
    money = Money({"local doubts": SURE, "local is silent": 0.1})
    answers = await Router(model, money).improve(TEXTS, scores_of([SURE] + [UNSURE] * 4))
    assert model.asked == [TEXTS[1:]]
    assert money.asked == [["local doubts", "local is silent", "nobody"]]
    near, far = answers
    assert (near.rows, near.model, near.cost_micro) == ([1, 2], "small", [0, 0])
    assert (far.rows, far.model, far.cost_micro) == ([2, 3], "big", [7, 7])
    assert far.scores.bullish.tolist() == pytest.approx([SURE, 0.1])


@pytest.mark.parametrize(("local", "money"), [(True, False), (False, True), (False, False)])
async def test_who_is_not_there_is_not_asked(local: bool, money: bool) -> None:
    model, paid = Model({"a": UNSURE}, local), Money({"a": SURE}, money)
    answers = await Router(model, paid).improve(["a"], scores_of([UNSURE]))
    assert bool(model.asked) == local
    assert bool(paid.asked) == money
    assert [answer.model for answer in answers] == ["small"] * local + ["big"] * money


async def test_who_is_closed_is_not_asked_again() -> None:
    router = Router(Model({}), Money({}))
    assert router.wants(scores_of([UNSURE])) == [True]
    await router.close()
    assert router.wants(scores_of([UNSURE])) == [False]


async def test_nobody_is_asked_about_nothing() -> None:
    model, money = Model({}), Money({})
    assert await Router(model, money).improve(["a"], scores_of([SURE])) == []
    assert not model.asked + money.asked


def test_for_those_who_wait_the_last_word_counts() -> None:
    class First:
        name = "embedded"

        def predict_batch(self, texts: Sequence[str]) -> Scores:
            return scores_of([SURE if text == "sure" else UNSURE for text in texts])

    model, money = Model({"local knows": SURE, "local doubts": 0.45}), Money({"local doubts": 0.1})
    tier = Routed("auto", First(), Router(model, money))
    scores = tier.predict_batch(TEXTS)
    assert scores.tier.tolist() == [0, 1, 2, 0, 0]
    assert scores.bullish.tolist() == pytest.approx([SURE, SURE, 0.1, UNSURE, UNSURE])
    assert tier.complaint == "2 posts keep their first score, the gateway gave none; it is ready"


# As people run it.


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.delenv("MICROTUI_GATEWAY_KEY", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "engine.sentiment.local", None)
    paths.config_file().parent.mkdir(parents=True)
    return tmp_path


def configured(url: str, more: str = "") -> None:
    paths.config_file().write_text(
        f'[sentiment.gateway]\nurl = "{url}"\nmodel = "big"\nprice_in_usd = 1\nprice_out_usd = 2\n{more}'
    )


def score(*args: str) -> Any:
    return CliRunner().invoke(main, ["score", "--json", *args])


def test_the_command_asks_the_gateway_and_the_spend_is_kept(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["to the moon -", "rekt +", "xyzzy"]
    monkeypatch.setenv("MICROTUI_GATEWAY_KEY", "sk-from-outside")
    with Endpoint() as endpoint:
        configured(endpoint.url)
        done = score("--tier", "gateway", *texts)
        assert done.exit_code == 0, done.output
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["label"] for row in rows] == ["bearish", "bullish", "neutral"]
        assert {row["tier"] for row in rows} == {"gateway"}
        assert {row["epistemic"] for row in rows} == {None}
        assert endpoint.asked[0].headers["authorization"] == "Bearer sk-from-outside"
        assert Spend(paths.state_database(), 10**9).spent_micro == 100 + 40
        sure = embedded().predict_batch(texts)
        doubtful = [t for t, p in zip(texts, sure.bullish, strict=True) if DOUBTFUL[0] < p < DOUBTFUL[1]]
        assert doubtful == ["xyzzy"]
        auto = [json.loads(line) for line in score("--tier", "auto", *texts).stdout.splitlines()]
        assert [row["tier"] for row in auto] == ["embedded", "embedded", "gateway"]
        assert len(endpoint.asked) == 2
        assert "sk-from-outside" not in done.output


def test_a_gateway_that_fails_leaves_the_embedded_scores_and_says_why(folders: Path) -> None:
    def locked(request: Asked, number: int) -> Said:
        return Said(401)

    with Endpoint(locked) as endpoint:
        configured(endpoint.url)
        done = score("--tier", "gateway", "to the moon", "rekt")
    assert done.exit_code == 0
    assert [json.loads(line)["tier"] for line in done.stdout.splitlines()] == ["embedded"] * 2
    assert "2 posts keep their first score, the gateway gave none; it is resting" in done.stderr
    assert "does not know the key" in done.stderr


def test_without_a_url_there_is_no_gateway(folders: Path) -> None:
    done = score("--tier", "gateway", "hi")
    assert done.exit_code == 1
    assert "the gateway tier needs the URL of an OpenAI-compatible endpoint" in done.stderr
    assert score("--tier", "auto", "xyzzy").exit_code == 0
    assert not paths.state_database().exists()


class Fixed:
    """The local tier as a command opens it."""

    name = "local"
    model = "small"

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        return scores_of([SURE] * len(texts), 1)


def test_a_local_tier_that_is_switched_off_is_left_out_unless_it_is_named(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiers, "_local", lambda options: Fixed())

    def tier(name: str) -> str:
        return str(json.loads(score("--tier", name, "xyzzy").stdout)["tier"])

    assert tier("auto") == "local"
    monkeypatch.setenv("MICROTUI_SENTIMENT__LOCAL__ON", "false")
    assert (tier("auto"), tier("local")) == ("embedded", "local")


def test_the_local_tier_is_asked_first_by_the_command_too() -> None:
    money = Money({})
    tier = Routed("auto", embedded(), Router(Here(Fixed()), money))
    assert tier.predict_batch(["xyzzy", "to the moon"]).tier.tolist() == [1, 0]
    assert not money.asked
    assert tier.complaint == ""


def test_a_key_shows_nowhere(folders: Path) -> None:
    file = paths.config_file()
    configured("https://api.example.com/v1", 'api_key = "sk-in-file"\n')
    file.chmod(0o644)
    with pytest.raises(UserError, match="expected mode 600"):
        load(file, environment={})
    file.chmod(0o600)
    settings = load(file, environment={})
    options = settings.sentiment.gateway.options()
    assert options is not None
    assert options.key is not None
    assert options.key.value == "sk-in-file"
    environment = {"MICROTUI_GATEWAY_KEY": "sk-in-environment"}
    other = load(file, environment=environment).sentiment.gateway.options()
    assert other is not None
    assert other.key is not None
    assert other.key.value == "sk-in-environment"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(options), str([options])):
        assert "sk-in" not in shown
    file.write_text(file.read_text().replace("https", "http"))
    for faulty in ({}, {"MICROTUI_GATEWAY_KEY": "sk-in  two"}):
        with pytest.raises(UserError) as caught:
            load(file, environment=faulty)
        assert "sk-in" not in caught.value.format_message()
    with pytest.raises(UserError, match="every process") as caught:
        load(file, ["sentiment.gateway.api_key=sk-in-flag"], {})
    assert "sk-in" not in caught.value.format_message()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('url = "https://api.example.com/v1"', "name of a model"),
        ('url = "https://api.example.com/v1"\nmodel = "m"', "what a million tokens cost"),
        ('url = "http://api.example.com/v1"\nmodel = "m"', "plain_http = true allows it"),
        ('url = "api.example.com"\nmodel = "m"', "begins with http"),
        ("ceiling_usd = -1", "from 0"),
    ],
)
def test_faults_of_the_settings_are_named(table: str, message: str, folders: Path) -> None:
    paths.config_file().write_text(f"[sentiment.gateway]\n{table}\n")
    if table.startswith("ceiling"):
        table += '\nurl = "http://localhost:8000/v1"\nmodel = "m"'
        paths.config_file().write_text(f"[sentiment.gateway]\n{table}\n")
    with pytest.raises(UserError, match=message) as caught:
        load(paths.config_file(), environment={})
    assert "sentiment.gateway" in caught.value.format_message()


def test_an_own_machine_costs_nothing() -> None:
    settings = Settings.model_validate(
        {"sentiment": {"gateway": {"url": "http://localhost:11434/v1/", "model": "m"}}}
    )
    options = settings.sentiment.gateway.options()
    assert options is not None
    assert options.cost_micro(10**9, 10**9) == 0
    assert options.endpoint == "http://localhost:11434/v1/chat/completions"
    assert Settings().sentiment.gateway.options() is None
