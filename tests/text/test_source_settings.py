"""Settings of the text sources: where they come from, and that a key shows nowhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.settings import load
from cli.text import author_key, text_source
from engine.feeds.clock import SystemClock
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_source import TextSource

SECRET = "hunter2"  # noqa: S105


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_the_defaults_are_those_of_the_engine(file: Path):
    assert load(file, environment={}).text_options() == TextOptions()


def test_every_endpoint_and_period_can_be_set_by_file_environment_and_flag(file: Path):
    file.write_text(
        "[sources.reddit]\nurl = 'http://file:1'\nsubreddits = ['Bitcoin']\nevery_s = 90\n"
        "[sources.fear_greed]\non = false\n"
    )
    environment = {"MICROTUI_SOURCES__NEWS__FEEDS": "http://env:1/a, http://env:1/b"}
    flags = ["sources.reddit.oauth_url=http://flag:1", "sources.gap_s=0"]
    options = load(file, flags, environment).text_options()
    assert (options.reddit, options.reddit_oauth) == ("http://file:1", "http://flag:1")
    assert options.subreddits == ("Bitcoin",)
    assert options.news == ("http://env:1/a", "http://env:1/b")
    assert (options.reddit_every_s, options.gap_s, options.fear_greed) == (90, 0, "")
    assert load(file, ["sources.reddit.subreddits="], {}).text_options().subreddits == ()


def test_keys_come_from_the_environment_or_a_private_file(file: Path):
    environment = {
        "MICROTUI_SOURCES__REDDIT__CLIENT_ID": "an-id",
        "MICROTUI_SOURCES__REDDIT__CLIENT_SECRET": SECRET,
    }
    assert load(file, environment=environment).text_options().keys == RedditKeys("an-id", SECRET)
    file.write_text(f"[sources.reddit]\nclient_id = 'an-id'\nclient_secret = '{SECRET}'\n")
    file.chmod(0o600)
    settings = load(file, environment={})
    assert settings.text_options().keys == RedditKeys("an-id", SECRET)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert SECRET not in shown + repr(settings.text_options())


def test_a_session_has_text_unless_it_is_switched_off(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(file.parent))
    monkeypatch.setenv("HOME", str(file.parent))
    assert text_source(load(file, ["sources.on=false"], {}), SystemClock(), print) is None
    assert list(file.parent.iterdir()) == []
    assert isinstance(text_source(load(file, environment={}), SystemClock(), print), TextSource)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_secret_in_a_file_that_others_can_read_is_refused(file: Path, mode: int):
    file.write_text(f"[sources.reddit]\nclient_id = 'an-id'\nclient_secret = '{SECRET}'\n")
    file.chmod(mode)
    with pytest.raises(UserError) as caught:
        load(file, environment={})
    message = caught.value.format_message()
    assert f"expected mode 600, found {mode:o}" in message
    assert f"chmod 600 {file}" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "toml",
    [
        f"[sources.reddit]\nclient_secret = '{SECRET}'\n",
        f"[sources.reddit]\nclient_id = ['{SECRET}']\nclient_secret = ['{SECRET}']\n",
        f"[sources.reddit]\nclient_id = 'x'\nclient_secrets = '{SECRET}'\n",
        f"[[sources.reddit]]\nclient_secret = '{SECRET}'\n",
        f"sources = [{{reddit = {{client_secret = '{SECRET}'}}}}]\n",
        f"[sources.reddit]\nclient_id = 'x'\nclient_secret = '{SECRET}'\nurl = 'gopher'\n",
    ],
)
def test_no_fault_repeats_a_secret(file: Path, toml: str):
    file.write_text(toml)
    file.chmod(0o600)
    with pytest.raises(UserError, match="in the settings") as caught:
        load(file, environment={})
    assert SECRET not in caught.value.format_message()


def test_one_key_without_the_other_is_a_fault(file: Path):
    with pytest.raises(UserError, match="client_id and client_secret come together"):
        load(file, environment={"MICROTUI_SOURCES__REDDIT__CLIENT_ID": "x"})
    with pytest.raises(UserError, match="every process can read a secret"):
        load(file, [f"sources.reddit.client_secret={SECRET}"], {})


@pytest.mark.parametrize("name", ["../etc", "a b", "", "x" * 30, "a/new"])
def test_a_subreddit_is_a_name(file: Path, name: str):
    file.write_text(f"[sources.reddit]\nsubreddits = ['{name}']\n")
    with pytest.raises(UserError, match=r"sources\.reddit\.subreddits"):
        load(file, environment={})


def test_the_authors_key_is_made_once_and_is_private(tmp_path: Path):
    file = tmp_path / "state" / "author.key"
    key = author_key(file)
    assert len(key) == 32
    assert author_key(file) == key
    assert author_key(tmp_path / "other.key") != key
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"short")
    with pytest.raises(UserError, match="expected 32 bytes, found 5"):
        author_key(file)
    with pytest.raises(UserError, match="cannot be written"):
        author_key(file / "below" / "author.key")
