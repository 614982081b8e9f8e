"""Settings: flag over environment over file over default, all checked at once, each fault with its place.

The file is `config.toml` in the config folder. An environment variable is the key in capitals with `__`
between the parts: `MICROTUI_VENUES__BINANCE__WS`. A flag is `--set venues.binance.ws=ws://…`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from cli import paths
from cli.alert_settings import AlertingSettings, AlertSettings, RiskSettings, alert_rules
from cli.chain_settings import ChainSettings
from cli.errors import UserError
from cli.setting_faults import ENVIRONMENT_PREFIX, fault, hidden, is_secret
from cli.toml_places import lines_of
from cli.venue_settings import Rest, Venues, listed
from engine.events import AdviserRule, RegimeRule, SentimentRule, Setup, SignalRule
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.venues import VENUES
from engine.paper.rules import Rules
from engine.rules import RiskRule
from engine.sentiment.gateway_options import CEILING_USD, GatewayOptions, Key
from engine.sentiment.local_options import LocalOptions

# Variables of the same prefix that are no settings.
NOT_SETTINGS = {
    "MICROTUI_CAPTURES",
    "MICROTUI_DATA",
    "MICROTUI_REQUIRE_CAPTURES",
    "MICROTUI_ASCII",
    "MICROTUI_CONFIG",
}
# Variables with a name of their own.
NAMED = {"MICROTUI_GATEWAY_KEY": "sentiment.gateway.api_key"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_TEXT = TextOptions()
Subreddit = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{1,20}$")]
Period = Annotated[float, Field(ge=1, le=86_400)]


class RedditSettings(_Part):
    url: Rest = _TEXT.reddit
    oauth_url: Rest = _TEXT.reddit_oauth
    subreddits: Annotated[list[Subreddit], BeforeValidator(listed), Field(max_length=50)] = list(
        _TEXT.subreddits
    )
    every_s: Period = _TEXT.reddit_every_s
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _both_keys(self) -> RedditSettings:
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id and client_secret come together, or not at all")
        return self

    @property
    def keys(self) -> RedditKeys | None:
        if not self.client_id or not self.client_secret:
            return None
        return RedditKeys(self.client_id.get_secret_value(), self.client_secret.get_secret_value())


class NewsSettings(_Part):
    feeds: Annotated[list[Rest], BeforeValidator(listed), Field(max_length=50)] = list(_TEXT.news)
    every_s: Period = _TEXT.news_every_s


class FearGreedSettings(_Part):
    on: bool = True
    url: Rest = _TEXT.fear_greed
    every_s: Period = _TEXT.fear_greed_every_s


class SourceSettings(_Part):
    """Where posts come from. An empty list of subreddits or feeds asks nobody."""

    on: bool = True
    user_agent: Annotated[str, Field(pattern=r"^[ -~]{8,200}$")] = _TEXT.user_agent
    gap_s: Annotated[float, Field(ge=0, le=3600)] = _TEXT.gap_s
    reddit: RedditSettings = RedditSettings()
    news: NewsSettings = NewsSettings()
    fear_greed: FearGreedSettings = FearGreedSettings()


_LOCAL = LocalOptions()


class LocalSettings(_Part):
    """The second tier of sentiment, a model on this machine; it needs the models extra."""

    on: bool = True
    model: str | None = None  # a folder or a hub's id; None: the one trained here, or the default
    adapter: str | None = None
    labels: dict[str, Literal["bearish", "neutral", "bullish"]] = {}
    doubt: Literal["head", "full", "none"] = "head"
    passes: Annotated[int, Field(ge=2, le=1000)] = _LOCAL.passes
    device: Literal["auto", "cpu", "cuda"] = "auto"
    temperature: Annotated[float, Field(ge=0.01, le=100)] | None = None


class GatewaySettings(_Part):
    """The third tier of sentiment, an OpenAI-compatible endpoint. Nobody is asked without a URL."""

    url: Rest | None = None
    model: str = ""
    api_key: SecretStr | None = None
    ceiling_usd: float = CEILING_USD
    price_in_usd: float | None = None  # a million tokens
    price_out_usd: float | None = None
    samples: int = 1
    plain_http: bool = False

    @model_validator(mode="after")
    def _usable(self) -> GatewaySettings:
        self.options()
        return self

    def options(self) -> GatewayOptions | None:
        if self.url is None:
            return None
        secret = self.api_key.get_secret_value() if self.api_key is not None else ""
        values = self.model_dump(exclude={"api_key"})
        return GatewayOptions(key=Key(secret) if secret else None, **values)


class SentimentSettings(_Part):
    """How fast sentiment forgets, over `tau_s` or, with `alpha`, with every post; and the higher tiers."""

    tau_s: Annotated[float, Field(ge=1, le=86_400)] = SentimentRule().tau_s
    alpha: Annotated[float, Field(ge=0.001, le=0.9)] | None = None
    local: LocalSettings = LocalSettings()
    gateway: GatewaySettings = GatewaySettings()


class SignalSettings(_Part):
    long_ratio: Annotated[float, Field(gt=1.000001, le=1e6)] = 2.0
    short_ratio: Annotated[float, Field(ge=1e-6, lt=0.999999)] = 0.5
    hold_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    gate_quantile: Annotated[float, Field(ge=0, le=0.999)] = 0.8
    gate_window_s: Annotated[int, Field(ge=60, le=86_400)] = 900


_REGIME = RegimeRule()


class RegimeSettings(_Part):
    """From where on a market is called stressed, dislocated or trending, and how slowly the usual follows."""

    stressed: Annotated[float, Field(ge=1.05, le=100)] = _REGIME.stressed
    dislocated: Annotated[float, Field(ge=1.05, le=1000)] = _REGIME.dislocated
    trend_sigmas: Annotated[float, Field(ge=0.5, le=100)] = _REGIME.trend_sigmas
    baseline_s: Annotated[float, Field(ge=60, le=86_400)] = _REGIME.baseline_s


class BookSettings(_Part):
    bands_bps: Annotated[
        list[Annotated[float, Field(ge=0.01, le=5000)]], BeforeValidator(listed), Field(max_length=5)
    ] = [10.0, 25.0]
    round_trip_quote: Annotated[float, Field(ge=1e-9, le=1e15)] = 100_000.0


class RecordSettings(_Part):
    on: bool = True
    folder: Path | None = None
    keep_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    disk_cap_gb: Annotated[float, Field(gt=0, le=1e6)] = 20.0


_RULES = Rules()
_BUILT_IN = {"maker": 10, "informed": 20, "arbitrage": 5}
Fee = Annotated[float, Field(ge=-100, le=1000)]


class AgentSettings(_Part):
    """Our agents on paper beside a real market; `counts` has own families as well, one agent each unless it says so."""

    on: bool = True
    counts: dict[str, Annotated[int, Field(ge=0, le=1000)]] = {}
    latency_ms: Annotated[float, Field(ge=0, le=10_000)] = _RULES.latency_ms
    maker_fee_bps: Fee = _RULES.maker_fee_bps
    taker_fee_bps: Fee = _RULES.taker_fee_bps
    own_maker_fee_bps: Fee = _RULES.own_maker_fee_bps
    own_taker_fee_bps: Fee = _RULES.own_taker_fee_bps

    def built_in(self) -> dict[str, int]:
        return {name: self.counts.get(name, count) for name, count in _BUILT_IN.items()}

    def of_own(self, families: Iterable[str]) -> dict[str, int]:
        return {name: self.counts.get(name, 1) for name in families}

    def rules(self) -> Rules:
        return Rules(**{name: getattr(self, name) for name in Rules.__struct_fields__})


_ADVISERS = AdviserRule()
Horizon = Annotated[float, Field(ge=1, le=86_400)]


class AdviserSettings(_Part):
    """Whether advisers speak, how far ahead each, and what the coordinator needs to decide."""

    on: bool = _ADVISERS.on
    microstructure_s: Horizon = _ADVISERS.microstructure_s
    technical_s: Horizon = _ADVISERS.technical_s
    sentiment_s: Horizon = _ADVISERS.sentiment_s
    chain_s: Horizon = _ADVISERS.chain_s
    news_s: Horizon = _ADVISERS.news_s
    decision_s: Horizon = _ADVISERS.decision_s
    least_probability: Annotated[float, Field(ge=0.5, le=0.99)] = _ADVISERS.least_probability
    prior_pieces: Annotated[float, Field(ge=1, le=1e6)] = _ADVISERS.prior_pieces


class DataSettings(_Part):
    """Where public dumps are fetched from, and the folder of what is fetched."""

    url: Rest = "https://data.binance.vision"
    folder: Path | None = None


class ScreenSettings(_Part):
    theme: str | None = None
    ascii: bool = False
    bell: bool = False


class Settings(_Part):
    venues: Venues = Venues()
    sources: SourceSettings = SourceSettings()
    sentiment: SentimentSettings = SentimentSettings()
    signal: SignalSettings = SignalSettings()
    regime: RegimeSettings = RegimeSettings()
    book: BookSettings = BookSettings()
    record: RecordSettings = RecordSettings()
    agents: AgentSettings = AgentSettings()
    advisers: AdviserSettings = AdviserSettings()
    chain: ChainSettings = ChainSettings()
    alerts: list[AlertSettings] = []
    alerting: AlertingSettings = AlertingSettings()
    risk: RiskSettings = RiskSettings()
    data: DataSettings = DataSettings()
    screen: ScreenSettings = ScreenSettings()
    keys: dict[str, str] = {}

    @field_validator("alerts")
    @classmethod
    def _apart(cls, value: list[AlertSettings]) -> list[AlertSettings]:
        alert_rules(value, AlertingSettings())
        return value

    def setup(self) -> Setup:
        """What the core computes with; the 1 % band always comes first."""
        extra = tuple(b for b in self.book.bands_bps if b != 100.0)
        return Setup(
            bands_bps=(100.0, *extra),
            round_trip_quote=self.book.round_trip_quote,
            signal=SignalRule(**self.signal.model_dump()),
            sentiment=SentimentRule(self.sentiment.tau_s, self.sentiment.alpha),
            regime=RegimeRule(**self.regime.model_dump()),
            advisers=AdviserRule(**self.advisers.model_dump()),
            alerts=alert_rules(self.alerts, self.alerting),
            risk=RiskRule(**self.risk.model_dump()),
            taker_bps={name: self.venues.of(info).taker_bps for name, info in VENUES.items()},
        )

    def local_options(self) -> LocalOptions:
        """The local model: the one named, else the one trained here, else the default. It is used if `local.on`."""
        local, own = self.sentiment.local, paths.sentiment_model()
        model = local.model or (str(own) if own.is_dir() else _LOCAL.model)
        return LocalOptions(model=model, **local.model_dump(exclude={"on", "model"}))

    def text_options(self) -> TextOptions:
        """What the text sources are told, keys included. Whether they are on is `sources.on`."""
        sources, reddit = self.sources, self.sources.reddit
        return TextOptions(
            reddit=reddit.url,
            reddit_oauth=reddit.oauth_url,
            subreddits=tuple(reddit.subreddits),
            news=tuple(sources.news.feeds),
            fear_greed=sources.fear_greed.url if sources.fear_greed.on else "",
            keys=reddit.keys,
            user_agent=sources.user_agent,
            reddit_every_s=reddit.every_s,
            news_every_s=sources.news.every_s,
            fear_greed_every_s=sources.fear_greed.every_s,
            gap_s=sources.gap_s,
        )


def load_settings(flags: Iterable[str] = ()) -> Settings:
    """The settings of this run."""
    return load(paths.config_file(), flags)


def load(file: Path, flags: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> Settings:
    """All layers merged and checked. Raises UserError that names every fault with its place."""
    values, places = layers(file, flags, environment)
    if faults := [*lax_mode(file), *faults_in(values, places, file)]:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UserError(f"{count} in the settings:\n  " + "\n  ".join(faults))
    return Settings.model_validate(values)


def layers(
    file: Path, flags: Iterable[str] = (), environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, Any], dict[str, str]]:
    """What file, environment and flags say, merged, and the place of each dotted key. Not checked yet.

    Raises UserError where the file cannot be read, or a flag is none.
    """
    text, values = read_file(file)
    places = {key: f"{file}:{line}" for key, line in lines_of(text).items()}
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_SETTINGS:
            key = NAMED.get(name) or name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            _put(values, key, value)
            places[key] = name
    for flag in flags:
        key, found, value = flag.partition("=")
        if not found:
            raise UserError(
                f"--set expects key=value, such as venues.binance.ws=ws://127.0.0.1:9001, found {flag!r}"
            )
        if is_secret(key):
            raise UserError(
                f"--set {key}: every process can read a secret on the command line; "
                f"put it in {file} or in the environment"
            )
        _put(values, key.strip(), value.strip())
        places[key.strip()] = "--set"
    return values, places


def faults_in(values: Mapping[str, Any], places: Mapping[str, str], file: Path) -> list[str]:
    """Every fault of what `layers` merged, with its place and what would be right; empty where there is none."""
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        return [fault(e, places, file, Settings) for e in error.errors()]
    return []


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


def lax_mode(file: Path) -> list[str]:
    """The fault of a file that holds a secret and that others may read."""
    values = read_file(file)[1]
    if os.name != "posix" or hidden(values) == values:
        return []
    mode = file.stat().st_mode & 0o777
    if not mode & 0o077:
        return []
    return [
        f"{file} holds a secret: expected mode 600, found {mode:o}, which lets others read it; "
        f"chmod 600 {file}"
    ]


def _put(values: dict[str, Any], key: str, value: str) -> None:
    *parents, last = key.split(".")
    for part in parents:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(f"{key}: {part} is a value, not a table")
        values = inner
    values[last] = value
