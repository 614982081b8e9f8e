"""Settings: flag over environment over file over default, all checked at once, each fault with its place.

The file is `config.toml` in the config folder. An environment variable is the key in capitals with `__`
between the parts: `MICROTUI_VENUES__BINANCE__WS`. A flag is `--set venues.binance.ws=ws://…`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cli import paths
from cli.errors import UserError
from engine.events import Setup, SignalRule
from engine.feeds.options import FeedOptions

ENVIRONMENT_PREFIX = "MICROTUI_"
# Variables of the same prefix that are no settings.
NOT_SETTINGS = {
    "MICROTUI_CAPTURES",
    "MICROTUI_DATA",
    "MICROTUI_REQUIRE_CAPTURES",
    "MICROTUI_ASCII",
    "MICROTUI_CONFIG",
}
_SECRET_WORDS = ("secret", "password", "token", "api_key", "apikey")


def _listed(value: Any) -> Any:
    """One or several: text, as flags and the environment give it, is what stands between its commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Rest = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
Ws = Annotated[str, Field(pattern=r"^wss?://[^\s/]+")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Binance(_Part):
    rest: Annotated[list[Rest], BeforeValidator(_listed), Field(min_length=1)] = list(FeedOptions().rest)
    ws: Annotated[list[Ws], BeforeValidator(_listed), Field(min_length=1)] = list(FeedOptions().ws)
    depth_limit: Annotated[int, Field(ge=100, le=5000)] = 5000


class Venues(_Part):
    binance: Binance = Binance()


class SignalSettings(_Part):
    long_ratio: Annotated[float, Field(gt=1.000001, le=1e6)] = 2.0
    short_ratio: Annotated[float, Field(ge=1e-6, lt=0.999999)] = 0.5
    hold_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    gate_quantile: Annotated[float, Field(ge=0, le=0.999)] = 0.8
    gate_window_s: Annotated[int, Field(ge=60, le=86_400)] = 900


class BookSettings(_Part):
    bands_bps: Annotated[
        list[Annotated[float, Field(ge=0.01, le=5000)]], BeforeValidator(_listed), Field(max_length=5)
    ] = [10.0, 25.0]
    round_trip_quote: Annotated[float, Field(ge=1e-9, le=1e15)] = 100_000.0


class RecordSettings(_Part):
    on: bool = True
    folder: Path | None = None
    keep_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    disk_cap_gb: Annotated[float, Field(gt=0, le=1e6)] = 20.0


class ScreenSettings(_Part):
    theme: str | None = None
    ascii: bool = False
    bell: bool = False


class Settings(_Part):
    venues: Venues = Venues()
    signal: SignalSettings = SignalSettings()
    book: BookSettings = BookSettings()
    record: RecordSettings = RecordSettings()
    screen: ScreenSettings = ScreenSettings()
    keys: dict[str, str] = {}

    def setup(self) -> Setup:
        """What the core computes with; the 1 % band always comes first."""
        extra = tuple(b for b in self.book.bands_bps if b != 100.0)
        return Setup(
            bands_bps=(100.0, *extra),
            round_trip_quote=self.book.round_trip_quote,
            signal=SignalRule(**self.signal.model_dump()),
        )

    def feed_options(self) -> FeedOptions:
        binance = self.venues.binance
        return FeedOptions(rest=tuple(binance.rest), ws=tuple(binance.ws), depth_limit=binance.depth_limit)


def load_settings(flags: Iterable[str] = ()) -> Settings:
    """The settings of this run."""
    return load(paths.config_file(), flags)


def load(file: Path, flags: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> Settings:
    """All layers merged and checked. Raises UserError that names every fault with its place."""
    text, values = read_file(file)
    places: dict[str, str] = {}
    for key, line in _lines_of(text).items():
        places[key] = f"{file}:{line}"
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_SETTINGS:
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            _put(values, key, value)
            places[key] = name
    for flag in flags:
        key, found, value = flag.partition("=")
        if not found:
            raise UserError(
                f"--set expects key=value, such as venues.binance.ws=ws://127.0.0.1:9001, found {flag!r}"
            )
        if any(word in key.lower() for word in _SECRET_WORDS):
            raise UserError(
                f"--set {key}: every process can read a secret on the command line; "
                f"put it in {file} or in the environment"
            )
        _put(values, key.strip(), value.strip())
        places[key.strip()] = "--set"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = [_fault(e, places, file) for e in error.errors()]
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UserError(f"{count} in the settings:\n  " + "\n  ".join(faults)) from None


def read_file(file: Path) -> tuple[str, dict[str, Any]]:
    """The settings file as text and as TOML values; both empty where there is none."""
    try:
        text = file.read_text("utf-8")
        return text, tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return "", {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} is not valid TOML: {error}") from None


def _put(values: dict[str, Any], key: str, value: str) -> None:
    *parents, last = key.split(".")
    for part in parents:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(f"{key}: {part} is a value, not a table")
        values = inner
    values[last] = value


def _lines_of(text: str) -> dict[str, int]:
    """Dotted key -> line number, by a plain reading of `[table]` and `key =` lines."""
    places: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("[") and "]" in stripped:
            table = stripped.strip("[] \t").split("]")[0] + "."
            places[table[:-1]] = number
        elif "=" in stripped and not stripped.startswith("#"):
            places[table + stripped.split("=")[0].strip().strip("\"'")] = number
    return places


def _fault(error: Any, places: Mapping[str, str], file: Path) -> str:
    path = [str(part) for part in error["loc"]]
    place = str(file)
    for length in range(len(path), 0, -1):
        if (key := ".".join(path[:length])) in places:
            place = places[key]
            break
    found = repr(error["input"])
    found = found if len(found) <= 60 else found[:59] + "…"
    if error["type"] == "extra_forbidden":
        return f"{place}: {'.'.join(path)} is not a setting; {_known(path)}"
    return f"{place}: {'.'.join(path)}: {_expected(error)}, found {found}"


def _known(path: list[str]) -> str:
    model: Any = Settings
    for part in path[:-1]:
        field = model.model_fields.get(part)
        model = field.annotation if field is not None else Settings
    return "there are " + ", ".join(model.model_fields)


def _expected(error: Any) -> str:
    if error["type"] == "string_pattern_mismatch":
        scheme = "ws:// or wss://" if "wss" in error["ctx"]["pattern"] else "http:// or https://"
        return f"expected an address that begins with {scheme}"
    message = str(error["msg"])
    return "expected " + message.removeprefix("Input should be ").removeprefix("a valid ").replace(
        "Input", "it"
    )
