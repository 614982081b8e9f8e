"""Rules in the settings: what they come to, and what is said of those that mean nothing."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from cli.errors import UserError
from cli.settings import Settings, load
from engine.events import Setup
from engine.limits import check_setup
from engine.rules import DEFAULT_RULES, AlertRule, AlertRules, RiskRule, check_rules


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def of(file: Path, text: str) -> Settings:
    file.write_text(text)
    return load(file, environment={})


def fault(file: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        of(file, text)
    return caught.value.format_message()


def named(rules: AlertRules, name: str) -> AlertRule:
    return next(rule for rule in rules.rules if rule.name == name)


def test_without_any_there_are_the_defaults_and_they_pass_their_own_check(file: Path) -> None:
    setup = of(file, "").setup()
    assert setup.alerts == AlertRules()
    assert setup.risk == RiskRule()
    check_setup(setup)


def test_own_rules_stand_beside_change_and_switch_off(file: Path) -> None:
    text = """
[[alerts]]
name = "imbalance"
bell = true

[[alerts]]
name = "wide spread"
threshold = 5

[[alerts]]
name = "whale"
on = false

[[alerts]]
name = "my drawdown"
kind = "drawdown"
family = "you"
threshold = 250
notify = true

[[alerts]]
name = "into trouble"
kind = "regime"
to = ["stressed", "DISLOCATED"]

[alerting]
burst = 3

[risk]
level = 0.99
"""
    setup = of(file, text).setup()
    rules = setup.alerts
    assert named(rules, "imbalance") == msgspec.structs.replace(named(AlertRules(), "imbalance"), bell=True)
    assert named(rules, "wide spread").threshold == 5.0
    assert named(rules, "wide spread").quantile is None
    assert named(rules, "wide spread").for_s == 10.0
    assert "whale" not in [rule.name for rule in rules.rules]
    assert named(rules, "my drawdown") == AlertRule(
        "my drawdown", "drawdown", threshold=250.0, family="you", notify=True
    )
    assert named(rules, "into trouble").to == ("STRESSED", "DISLOCATED")
    assert (rules.burst, rules.per_hour, setup.risk.level) == (3, 60.0, 0.99)
    assert len(rules.rules) == len(DEFAULT_RULES) + 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('name = "x"', "alert rule 'x': expected a kind, for it is none of imbalance, regime"),
        ('name = "x"\nkind = "spred"', "alert rule 'x': expected a kind among signal, regime, feed"),
        ('name = "x"\nkind = "move"', "expected a threshold from 0.001 to 100000 bp, found none"),
        (
            'name = "x"\nkind = "spread"',
            "expected a threshold in bp or a quantile such as 0.99, found neither",
        ),
        ('name = "x"\nkind = "spread"\nthreshold = 1\nquantile = 0.9', "found both"),
        ('name = "x"\nkind = "spread"\nquantile = 1.0', "expected quantile from 0.5 to 0.999, found 1"),
        ('name = "x"\nkind = "feed"\nthreshold = 1', "kind feed has no threshold, found 1"),
        ('name = "x"\nkind = "var"\nthreshold = 1\nsymbol = "A"', "symbol means nothing to kind var"),
        (
            'name = "x"\nkind = "feed"\nevery_s = 5',
            "every_s means nothing to kind feed, which goes by symbol",
        ),
        ('name = "x"\nkind = "regime"\nto = ["BUSY"]', "expected `to` among CALM, TRENDING, STRESSED"),
        ('name = "x"\nkind = "move"\nthreshold = 9\nwindow_s = 900', "window_s from 1 to 590, found 900"),
        ('name = "x"\nkind = "move"\nthreshold = 9\nclear = 0', "expected clear from 0.01 to 1, found 0"),
        ('name = "x"\nkind = "move"\nthreshold = nan', "expected a threshold (bp) from"),
        ('name = ""\nkind = "feed"', "expected an alert rule's name, one line of 1 to 40 characters"),
        ('name = "x"\nkind = "move"\nthreshhold = 9', "alerts.0.threshhold is not a setting"),
        ('name = "x"\nkind = "move"\nthreshold = "much"', "alerts.0.threshold: expected number"),
    ],
)
def test_a_fault_names_its_line_and_what_would_work(file: Path, table: str, said: str) -> None:
    message = fault(file, f"[book]\n\n[[alerts]]\n{table}\n")
    assert message.startswith("1 fault in the settings:")
    assert f"{file}:" in message
    assert said in message


def test_two_of_one_name_are_refused(file: Path) -> None:
    table = '[[alerts]]\nname = "x"\nkind = "feed"\n'
    assert "found 'x' twice" in fault(file, table * 2)


def test_a_webhook_is_a_secret_and_goes_over_a_private_line(file: Path) -> None:
    with pytest.raises(UserError, match="every process can read") as caught:
        load(file, ["alerting.webhook=https://example.org/hunter2"], {})
    assert "hunter2" not in caught.value.format_message()
    for url in ("http://example.org/hunter2", "ftp://example.org/hunter2", "hunter2", "https://[hunter2"):
        file.write_text(f'[alerting]\nwebhook = "{url}"\n')
        os.chmod(file, 0o600)
        with pytest.raises(UserError, match="expected an address that begins with https://") as caught:
            load(file, environment={})
        assert "hunter2" not in caught.value.format_message()
    file.write_text('[alerting]\nwebhook = "http://127.0.0.1:9/hunter2"\nwebhook_header = "X-Key: hunter2"\n')
    os.chmod(file, 0o644)
    with pytest.raises(UserError, match="lets others read it"):
        load(file, environment={})
    os.chmod(file, 0o600)
    settings = load(file, environment={})
    assert "hunter2" not in repr(settings)
    assert settings.alerting.webhook is not None


@pytest.mark.parametrize(
    ("table", "such"),
    [
        ("alerting", "alerting.burst"),
        ("chain.etherscan", "chain.etherscan.url"),
        ("sentiment.gateway", "sentiment.gateway.url"),
        ("sources.reddit", "sources.reddit.url"),
    ],
)
def test_what_stands_in_a_whole_table_s_place_is_not_repeated(file: Path, table: str, such: str) -> None:
    value = '{webhook = "https://example.org/hunter2"}'
    variable = f"MICROTUI_{table.upper().replace('.', '__')}"
    for place, flags, variables in (("--set", [f"{table}={value}"], {}), (variable, [], {variable: value})):
        with pytest.raises(UserError) as caught:
            load(file, flags, variables)
        assert f"{place}: {table}: expected a table, whose" in caught.value.format_message()
        assert f"such as {such}; found a value" in caught.value.format_message()
        assert "hunter2" not in caught.value.format_message()


@pytest.mark.parametrize("header", ["no colon", "X: \x01", ": y", "X:"])
def test_a_header_is_one_header(file: Path, header: str) -> None:
    file.write_text("[alerting]\nwebhook_header = " + msgspec.json.encode(header).decode())
    os.chmod(file, 0o600)
    with pytest.raises(UserError, match="expected one header") as caught:
        load(file, environment={})
    assert header not in caught.value.format_message()


def test_a_setup_of_before_there_were_rules_has_the_defaults() -> None:
    old = msgspec.json.decode(b'{"type":"setup","metrics_every_s":5.0}', type=Setup)
    assert old.alerts == AlertRules()
    again = msgspec.json.decode(msgspec.json.encode(old), type=Setup)
    assert again == old


def test_a_strangers_rules_are_bounded() -> None:
    many = tuple(AlertRule(f"{i}", "feed") for i in range(65))
    for rules in (AlertRules(many), AlertRules((), 0), AlertRules((), 5, float("nan"))):
        with pytest.raises(ValueError, match="expected"):
            check_rules(rules)
