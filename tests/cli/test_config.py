"""`microtui config`: the file, every setting with its origin, and all faults with their places."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cli.config import commented
from cli.config import config as command
from cli.setting_faults import fault, leaves
from cli.settings import Settings, load
from cli.toml_places import lines_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MICROTUI_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "folder" / "config.toml"
    monkeypatch.setenv("MICROTUI_CONFIG", str(path))
    return path


def run(*args: str) -> Result:
    return CliRunner().invoke(command, list(args))


def shown(*args: str) -> dict[str, tuple[Any, str]]:
    lines = [json.loads(line) for line in run("show", "--json", *args).stdout.splitlines()]
    return {line["key"]: (line["value"], line["from"]) for line in lines}


def test_path_is_where_the_file_is_or_would_be(file: Path) -> None:
    assert run("path").stdout == f"{file}\n"


def test_init_writes_a_private_file_that_changes_nothing_and_never_a_second_time(file: Path) -> None:
    assert run("init").exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file, environment={}) == Settings()
    file.write_text("[screen]\nascii = true\n")
    again = run("init")
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    assert file.read_text() == "[screen]\nascii = true\n"


def test_every_default_in_the_commented_file_is_what_the_program_uses() -> None:
    """Taking every `#` away must give the defaults again, but for what cannot be written."""
    kept = []
    for line in commented().splitlines()[3:]:
        bare = line.removeprefix("# ")
        if "# not set" not in bare and not bare.startswith("[["):  # a list's tables are a person's own
            kept.append(bare)
    settings = load_text("\n".join(kept))
    assert settings == Settings()
    written = lines_of("\n".join(kept))
    left_out = {key for key, _ in leaves(Settings)} - set(written)
    assert all(value_of(Settings(), key) in (None, []) for key in left_out)


def load_text(text: str) -> Settings:
    return Settings.model_validate(tomllib.loads(text))


def value_of(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = getattr(settings, part)
    return settings


def test_show_says_where_each_value_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    file.write_text(
        "# mine\n[record]\nkeep_days = 3\n\n[agents]\ncounts = { maker = 2 }\n[keys]\nquit = 'q'\n"
    )
    monkeypatch.setenv("MICROTUI_BOOK__BANDS_BPS", "5, 7")
    found = shown("--set", "signal.hold_s=9")
    assert found["record.keep_days"] == (3.0, f"{file}:3")
    assert found["agents.counts"] == ({"maker": 2}, f"{file}:6")
    assert found["keys"] == ({"quit": "q"}, f"{file}:7")
    assert found["book.bands_bps"] == ([5.0, 7.0], "MICROTUI_BOOK__BANDS_BPS")
    assert found["signal.hold_s"] == (9.0, "--set")
    assert found["record.on"] == (True, "default")
    assert list(found) == [key for key, _ in leaves(Settings)]
    assert f"record.keep_days                 3.0    ({file}:3)" in run("show").stdout.splitlines()


def test_tables_in_a_list_are_shown_as_one_value_and_checked_each(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        "[[alerts]]\nname = 'wide spread'\non = false\n\n[[alerts]]\nname = 'regime'\nevry_s = 5\n"
    )
    assert run("check").stdout.startswith(f"{file}:7: alerts.1.evry_s is not a setting; there are name, on, ")
    assert run("check").stdout.endswith("did you mean alerts.1.every_s?\n")
    file.write_text(file.read_text().replace("evry_s", "every_s"))
    value, origin = shown()["alerts"]
    assert origin == f"{file}:1"
    assert [(rule["name"], rule["on"], rule["every_s"]) for rule in value] == [
        ("wide spread", False, 300.0),
        ("regime", True, 5.0),
    ]
    line = next(line for line in run("show").stdout.splitlines() if line.startswith("alerts "))
    assert '{ "name" = "wide spread", "on" = false' in line


def test_show_never_shows_a_secret(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    file.write_text("[sources.reddit]\nclient_id = 'hunter1'\nclient_secret = 'hunter2'\n")
    file.chmod(0o600)
    monkeypatch.setenv("MICROTUI_GATEWAY_KEY", "hunter3")
    monkeypatch.setenv("MICROTUI_VENUES__BINANCE__WS", "wss://me:hunter4@proxy/x?token=hunter5,wss://plain")
    found = shown()
    assert found["sources.reddit.client_secret"] == ("set", f"{file}:3")
    assert found["sentiment.gateway.api_key"] == ("set", "MICROTUI_GATEWAY_KEY")
    assert found["venues.binance.ws"][0] == ["wss://proxy/x?token=hidden", "wss://plain"]
    assert "hunter" not in run("show").stdout + run("show", "--json").stdout
    monkeypatch.delenv("MICROTUI_GATEWAY_KEY")
    assert shown()["sentiment.gateway.api_key"] == ("not set", "default")


def test_check_names_every_fault_with_its_place_and_what_was_meant(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    file.write_text(
        "[sources.reddit]\nclient_id = 'hunter1'\nclient_secret = 'hunter2'\n"
        "[record]\nkeep_dys = 3\n[scren]\nascii = 1\n"
    )
    file.chmod(0o644)
    monkeypatch.setenv("MICROTUI_RECORD_ON", "1")
    monkeypatch.setenv("MICROTUI_SIGNAL__HOLDS_S", "1")
    result = run("check")
    assert result.exit_code == 1
    lax, *lines = result.stdout.splitlines()
    assert "expected mode 600, found 644" in lax
    assert [line.partition(": ")[0] for line in lines] == [
        "MICROTUI_SIGNAL__HOLDS_S", f"{file}:5", f"{file}:6", "MICROTUI_RECORD_ON",
    ]  # fmt: skip
    assert [line.rpartition("did you mean ")[2] for line in lines] == [
        "MICROTUI_SIGNAL__HOLD_S?", "record.keep_days?", "screen?", "MICROTUI_RECORD__ON?",
    ]  # fmt: skip
    assert "hunter" not in result.stdout


def test_check_names_what_is_missing_and_keys_that_the_screen_would_refuse(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        '[[alerts]]\nkind = "move"\n[keys]\nzoom = "ZZ"\nnext_symbol = "q"\nhelp = "f5"\n', encoding="utf-8"
    )
    result = run("check", "--set", "foo.bar=1")
    assert result.exit_code == 1
    found = result.stdout.splitlines()
    assert len(found) == 4
    assert f"{file}:1: alerts.0.name is missing, and has no default" in found
    assert any(line.startswith("--set: foo is not a setting") for line in found)
    assert any(line.startswith(f"{file}:4: keys: expected a key for 'zoom'") for line in found)
    assert any("q is used by 'next_symbol' and 'quit'" in line for line in found)


def test_check_of_what_is_right_or_absent_or_no_toml(file: Path) -> None:
    assert run("check").stdout == f"{file}: not there; all settings are the defaults\n"
    file.parent.mkdir()
    file.write_text("[record]\non = false\n")
    assert (run("check").exit_code, run("check").stdout) == (0, f"{file}: no fault\n")
    file.write_text("[record\non = false\n")
    assert run("check").exit_code == 1
    assert "line 1" in run("check").stdout
    assert run("show").exit_code == 1


def test_a_fault_in_the_second_of_several_tables_is_placed_there(tmp_path: Path) -> None:
    class Alert(BaseModel):
        name: str
        above: float = 0.0

    class Whole(BaseModel):
        alerts: list[Alert] = []

    text = "[[alerts]]\nname = 'x'\n\n[[alerts]]\nname = 'y'\nabove = 'high'\n"
    file = tmp_path / "c.toml"
    places = {key: f"{file}:{line}" for key, line in lines_of(text).items()}
    with pytest.raises(ValueError, match="above") as caught:
        Whole.model_validate(tomllib.loads(text))
    (error,) = caught.value.errors()  # type: ignore[attr-defined]
    assert fault(error, places, file, Whole) == (
        f"{file}:6: alerts.1.above: expected number, unable to parse string as a number, found 'high'"
    )


KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["[x]", "a = 1", "#", '"', "'", "]]", "= [", "\\"]
)
VALUES = st.recursive(
    st.integers(-5, 5) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.dictionaries(KEYS, TABLES | st.lists(TABLES, min_size=1, max_size=3), max_size=4)


def written(value: Any, spread: bool) -> str:
    """A value as TOML; lists over several lines with comments among them, where they may be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {written(inner, False)}' for key, inner in value.items()) + "}"
    if isinstance(value, list):
        between = ", # [ not a table ]\n  " if spread else ", "
        return "[" + between.join(written(inner, spread) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


@given(DOCUMENTS, st.booleans())
def test_every_key_is_found_on_the_line_that_was_written(document: dict[str, Any], spread: bool) -> None:
    lines: list[str] = []
    expected: dict[str, int] = {}

    def add(text: str, *keys: str) -> None:
        for key in keys:
            expected.setdefault(key, sum(line.count("\n") + 1 for line in lines) + 1)
        lines.append(text)

    for name, tables in document.items():
        several = isinstance(tables, list)
        for number, table in enumerate(tables if several else [tables]):
            at = f"{name}.{number}" if several else name
            add(f"[[{name}]]  # [x]" if several else f" [ {name} ]", name, at)
            for key, value in table.items():
                add(f"{key} = {written(value, spread)} # b = 2", f"{at}.{key}")
            add("# c = 3")
    text = "\n".join(lines)
    assert tomllib.loads(text) == document
    assert lines_of(text) == expected
