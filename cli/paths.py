"""Where microtui keeps its files: the platform's own folders for settings, data, state and logs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_APP = "microtui"


def config_folder() -> Path:
    return Path(platformdirs.user_config_dir(_APP, appauthor=False))


def config_file() -> Path:
    """MICROTUI_CONFIG, or `config.toml` in the config folder."""
    return Path(os.environ.get("MICROTUI_CONFIG") or config_folder() / "config.toml")


def sentiment_weights() -> Path:
    """The user's own weights of the embedded sentiment tier, used instead of those that ship where they exist."""
    return config_folder() / "sentiment.bin"


def sentiment_model() -> Path:
    """The user's own local sentiment model, a folder, used instead of the default one where it exists."""
    return Path(platformdirs.user_data_dir(_APP, appauthor=False)) / "models" / "sentiment"


def bots_model() -> Path:
    """The user's own scorecard of bots, used instead of the one set by hand where it exists."""
    return config_folder() / "bots.json"


def recordings_folder() -> Path:
    return Path(platformdirs.user_data_dir(_APP, appauthor=False)) / "sessions"


def replays_folder() -> Path:
    """Reconstructions of the past: they follow from their stories, so they may be deleted at any time."""
    return Path(platformdirs.user_cache_dir(_APP, appauthor=False)) / "replays"


def data_folder() -> Path:
    """What `microtui data fetch` keeps."""
    return Path(platformdirs.user_data_dir(_APP, appauthor=False)) / "data"


def exports_folder() -> Path:
    return Path(platformdirs.user_data_dir(_APP, appauthor=False)) / "exports"


def state_file() -> Path:
    return Path(platformdirs.user_state_dir(_APP, appauthor=False)) / "screen.json"


def state_database() -> Path:
    """What lasts beyond a session: what was spent."""
    return Path(platformdirs.user_state_dir(_APP, appauthor=False)) / "state.db"


def author_key_file() -> Path:
    """The key that turns authors' names into the hashes that are recorded."""
    return Path(platformdirs.user_state_dir(_APP, appauthor=False)) / "author.key"


def log_file() -> Path:
    return Path(platformdirs.user_log_dir(_APP, appauthor=False)) / "microtui.log"


def built_in(folder: str) -> Path:
    """A data folder that ships with the packages: `themes` or `replays`."""
    return Path(__file__).resolve().parent.parent / folder
