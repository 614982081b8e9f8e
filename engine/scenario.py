"""A scenario: who trades where, under which physics. Read from TOML and checked before anything starts.

Prices in ticks, sizes in base units, times in seconds; where the defaults come from: docs/realism.md. An error names
the file, the line, what was found and what would be right.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from engine.agents import arbitrage, informed, maker, noise
from engine.agents.families import BUILT_IN, BadFamily, Families
from engine.events import Shock
from engine.instrument import Instrument, NotOnGrid
from engine.shocks import BadShock, at
from engine.shocks import parse as parse_shock
from engine.text import clean
from engine.toml_lines import line_of, where

FAMILIES = BUILT_IN
MAX_AGENTS = 10_000
STEP_S = 0.1


NO_FAMILIES = Families()


class BadScenario(ValueError):
    """Says where, what was expected and what was found."""

    for_people = True


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    maker: int = 10
    informed: int = 20
    noise: int = 50
    arbitrage: int = 5


class Venue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "sim"
    share: float = 0.6  # of the agents that are at home there; the second venue has the rest
    maker_fee_bps: float = -0.1  # negative: a rebate
    taker_fee_bps: float = 0.5
    latency_s: float = 0.0  # how long orders of those who are at home on the other venue are on their way


class Agents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    maker: maker.Params = maker.Params()
    informed: informed.Params = informed.Params()
    noise: noise.Params = noise.Params()
    arbitrage: arbitrage.Params = arbitrage.Params()


class Own(msgspec.Struct, frozen=True):
    """Agents of a person's own family (`engine.agents.families`), with their parameters as `decide` reads them."""

    name: str
    count: int
    columns: tuple[float, ...]
    spreads: tuple[float, float]  # deviation of the logarithm of size and of risk over its agents
    digest: str  # of its source


Hears = Literal["mood", "posts"]


class World(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What moves the price besides the agents: impact of flow on fair value, the fundamental, sentiment."""

    impact_ticks: float = 36.0  # κ: G(I) = κ 2√I₀ sgn(I)(√(|I| + I₀) − √I₀), concave in accumulated flow
    impact_scale: float = 0.2  # I₀, base units
    impact_s: float = 100.0  # τ, over which flow is forgotten
    permanent: float = 0.8  # share of impact that stays
    value_sigma_ticks: float = 2.0  # of the fundamental, per square root of a second
    jumps_a_hour: float = 2.0  # news
    jump_ticks: float = 40.0
    sentiment_ar: float = 0.995  # a second
    sentiment_sigma: float = 0.04
    doubt: float = 0.25  # the sentiment's uncertainty in the middle
    doubt_sigma: float = 0.22  # of its log odds, per square root of a second
    doubt_s: float = 200.0
    coupling: float = 1.5  # how fast makers of one venue follow the other, a second
    sigma_s: float = 15.0  # half-life of measured volatility
    calm_s: float = 900.0
    calm_sigma_ticks: float = 6.0  # volatility that makers expect before they have measured any
    leverage: float = 40.0  # base units of leveraged longs, and as many shorts, open on the first venue
    leverage_least_pct: float = (
        0.4  # of the price: how far it must move at least before one is closed by force
    )
    leverage_mean_pct: float = 0.8  # and how much further in the middle
    leverage_s: float = 1800.0  # how long one is held
    hears: Hears = "mood"  # what agents take for sentiment: the market's mood, or the score of what is posted


class Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shock that comes by itself, `at_s` seconds after the session began; as people write one down."""

    at_s: float
    shock: str  # sell:500/60s


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "default"
    about: str = "85 agents on two venues"
    symbol: str = "BTCUSD"
    base: str = "BTC"
    quote: str = "USD"
    tick_size: str = "1"
    lot_size: str = "0.001"
    start_ticks: int = 60_000
    seed: int = 1
    counts: Counts = Counts()
    venues: tuple[Venue, ...] = (Venue("sim"), Venue("sim-b", 0.4, 0.0, 0.8, 0.2))
    agents: Agents = Agents()
    own: tuple[Own, ...] = ()  # by name; from [counts] and [agents.NAME] of the file
    world: World = World()
    shocks: tuple[Planned, ...] = ()

    def planned(self, started: int) -> list[Shock]:
        """Its shocks for a session that began at `started` ns, soonest first."""
        found = [at(parse_shock(p.shock), started + int(p.at_s * 1e9)) for p in self.shocks]
        return sorted(found, key=lambda shock: shock.ts)

    @property
    def lots_a_unit(self) -> float:
        return 1.0 / float(self.lot_size)

    @property
    def both_venues(self) -> tuple[Venue, Venue]:
        return (self.venues[0], self.venues[-1])

    def instruments(self) -> tuple[Instrument, ...]:
        """One a venue, in their order; the second venue's symbol says so."""
        return tuple(
            Instrument(v.name, self.symbol + end, self.base, self.quote, self.tick_size, self.lot_size)
            for v, end in zip(self.venues, ("", ".B"), strict=False)
        )

    @property
    def hash(self) -> str:
        """SHA-256 over everything that can change what happens."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


def with_counts(scenario: Scenario, **counts: int) -> Scenario:
    """The same scenario with other numbers of agents."""
    return msgspec.structs.replace(scenario, counts=msgspec.structs.replace(scenario.counts, **counts))


def with_feedback(scenario: Scenario, feedback: float) -> Scenario:
    """The same scenario with makers who widen more, or not at all, in volatility and doubt."""
    maker_params = msgspec.structs.replace(scenario.agents.maker, feedback=feedback)
    agents = msgspec.structs.replace(scenario.agents, maker=maker_params)
    return msgspec.structs.replace(scenario, agents=agents)


def read(path: Path, families: Families = NO_FAMILIES) -> Scenario:
    """A scenario file. Raises BadScenario with the first fault in it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path} cannot be read: {clean(str(error))}") from None
    return parse(text, str(path), path.stem, families)


def parse(text: str, place: str, name: str = "default", families: Families = NO_FAMILIES) -> Scenario:
    """A scenario from TOML text; `place` stands before the line in errors, `families` are a person's own."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadScenario(f"{place} is not valid TOML: {error}") from None
    values.setdefault("name", name)
    if "own" in values:
        raise BadScenario(f"{line_of(place, text, 'own')}: expected own families in [counts], found 'own'")
    own = _own(values, families, place, text)
    try:
        scenario = msgspec.structs.replace(msgspec.convert(values, Scenario), own=own)
    except msgspec.ValidationError as error:
        message, key = where(error)
        raise BadScenario(f"{line_of(place, text, key)}: {_plain(message, key, families)}") from None
    for key, fault in _faults(scenario):
        raise BadScenario(f"{line_of(place, text, key)}: {key} {fault}")
    return scenario


def _own(values: dict[str, Any], families: Families, place: str, text: str) -> tuple[Own, ...]:
    """Takes what speaks of a person's own families out of `values`."""
    counts, agents = values.get("counts"), values.get("agents")
    found = []
    for name in sorted(families.jitted):
        count = counts.pop(name, 0) if isinstance(counts, dict) else 0
        told = agents.pop(name, {}) if isinstance(agents, dict) else {}
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            key = f"counts.{name}"
            raise BadScenario(
                f"{line_of(place, text, key)}: {key} expected zero or more agents, found {count!r}"
            )
        family = families.jitted[name]
        try:
            params = msgspec.convert(told, family.params)
            columns = family.row(params)
        except (msgspec.ValidationError, BadFamily) as error:
            message, inner = where(error) if isinstance(error, msgspec.ValidationError) else (str(error), "")
            key = f"agents.{name}.{inner}".rstrip(".")
            raise BadScenario(f"{line_of(place, text, key)}: {key}: {message}") from None
        if count:
            spreads = (getattr(params, "size_spread", 0.0), getattr(params, "risk_spread", 0.0))
            found.append(Own(name, count, columns, spreads, family.digest))
    return tuple(found)


def _plain(message: str, key: str, families: Families) -> str:
    """msgspec's sentence in ours."""
    if "unknown field" in message:
        field = message.split("`")[1]
        group: Any = {
            "counts": Counts,
            "agents": Agents,
            "world": World,
            "venues": Venue,
            "shocks": Planned,
            "": Scenario,
        }.get(key.split("[")[0])
        if group is None:
            group = {
                "agents.maker": maker.Params,
                "agents.informed": informed.Params,
                "agents.noise": noise.Params,
                "agents.arbitrage": arbitrage.Params,
            }[key]
        if group not in (Counts, Agents):
            return (
                f"{clean(field, 40)!r} is no parameter here; there are {', '.join(group.__struct_fields__)}"
            )
        if field in families.plain:
            return f"{field!r} is a family in plain Python, which trades on paper only, beside a real market"
        known = ", ".join((*FAMILIES, *sorted(families.jitted)))
        sentence = f"{clean(field, 40)!r} is no family of agents here; there are {known}"
        return "; ".join((sentence, *(f"left out: {problem}" for problem in families.problems)))
    if "Invalid enum value" in message:
        known = " or ".join(get_args(Hears if key.endswith("hears") else maker.Model))
        return f"{key} expected {known}, found{message.removeprefix('Invalid enum value')}"
    return f"{key or 'the file'}: {message[0].lower()}{message[1:]}"


def _faults(s: Scenario) -> Iterator[tuple[str, str]]:
    counts: Mapping[str, int] = msgspec.structs.asdict(s.counts)
    for family, count in counts.items():
        if count < 0:
            yield f"counts.{family}", f"expected zero or more agents, found {count}"
    total = sum(counts.values()) + sum(own.count for own in s.own)
    if total == 0:
        yield "counts", "expected at least one agent, found none: there is no market without traders"
    if total > MAX_AGENTS:
        yield "counts", f"expected at most {MAX_AGENTS} agents, found {total}"
    if not 1 <= len(s.venues) <= 2:
        yield "venues", f"expected one or two venues, found {len(s.venues)}"
    elif s.venues[0].name == s.venues[-1].name and len(s.venues) == 2:
        yield "venues", f"expected two names, found {clean(s.venues[0].name, 30)!r} twice"
    for field in ("tick_size", "lot_size"):
        try:
            _ = Instrument("sim", "X", "X", "X", s.tick_size, s.lot_size)
            step = s.instruments()[0].tick if field == "tick_size" else s.instruments()[0].lot
            if step.value > 1000 or float(step.value) < 1e-8:
                yield field, f"expected a step from 0.00000001 to 1000, found {getattr(s, field)}"
        except NotOnGrid as error:
            yield field, f"expected {error}"
    if not 1000 <= s.start_ticks <= 100_000_000:
        yield "start_ticks", f"expected a price of 1000 to 100000000 ticks, found {s.start_ticks}"
    yield from _bounds(s)
    yield from _room(s)
    for number, planned in enumerate(s.shocks):
        if not 0 <= planned.at_s <= 1e6:
            yield f"shocks[{number}].at_s", f"expected 0 to 1e+06 seconds, found {planned.at_s:g}"
        try:
            parse_shock(planned.shock)
        except BadShock as error:
            yield f"shocks[{number}].shock", str(error)


MOST_MONEY = 10**15  # ticks x lots that one agent can be worth, so that no sum of thousands overflows


def _room(s: Scenario) -> Iterator[tuple[str, str]]:
    """Whole numbers must hold the largest inventory at ten times the price."""
    agents = s.agents
    largest = max(
        agents.maker.inventory_limit,
        agents.informed.inventory_limit + agents.informed.size,
        agents.noise.inventory_limit + agents.noise.size * agents.noise.size_cap,
        2.0 * agents.arbitrage.capital + agents.arbitrage.size,
    )
    money = largest * s.lots_a_unit * s.start_ticks * 10.0
    if money > MOST_MONEY:
        most = MOST_MONEY / (s.lots_a_unit * s.start_ticks * 10.0)
        yield (
            "lot_size",
            f"expected lots so large that inventories of {largest:g} {clean(s.base, 12)} can be counted; at this "
            f"lot and price the most is {most:g}",
        )


# key, least, most: what is physically possible, and what the arrays can hold
_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("agents.maker.horizon_s", 0.01, 3600),
    ("agents.maker.levels", 1, maker.MAX_LEVELS),
    ("agents.maker.level_step_ticks", 1, 1000),
    ("agents.maker.size", 1e-6, 1e6),
    ("agents.maker.size_spread", 0, 3),
    ("agents.maker.risk_aversion", 1e-6, 10),
    ("agents.maker.risk_spread", 0, 3),
    ("agents.maker.fill_rate", 1e-3, 1e4),
    ("agents.maker.fill_decay", 1e-3, 100),
    ("agents.maker.feedback", 0, 50),
    ("agents.maker.inventory_limit", 1e-3, 1e6),
    ("agents.maker.requote_s", 0.1, 60),
    ("agents.maker.snipe_ticks", 0, 1e5),
    ("agents.maker.hedge", 0, 1),
    ("agents.maker.stress", 1, 1e6),
    ("agents.maker.return_s", 0.1, 1e5),
    ("agents.informed.acts", 0, 10),
    ("agents.informed.size", 1e-6, 1e6),
    ("agents.informed.size_spread", 0, 3),
    ("agents.informed.threshold_ticks", 0, 1e6),
    ("agents.informed.threshold_spread", 0, 3),
    ("agents.informed.switches", 0, 1),
    ("agents.informed.herding", 0, 1),
    ("agents.informed.sentiment_ticks", 0, 1e6),
    ("agents.informed.inventory_limit", 1e-3, 1e6),
    ("agents.noise.rate", 0, 100),
    ("agents.noise.branching", 0, 0.99),
    ("agents.noise.fast_decay", 1e-3, 10),
    ("agents.noise.slow_decay", 1e-4, 10),
    ("agents.noise.fast_share", 0, 1),
    ("agents.noise.cross", 0, 1),
    ("agents.noise.activity_spread", 0, 3),
    ("agents.noise.activity_s", 1, 1e6),
    ("agents.noise.size", 1e-6, 1e6),
    ("agents.noise.size_spread", 0, 3),
    ("agents.noise.tail", 0.5, 100),
    ("agents.noise.size_cap", 1, 1e6),
    ("agents.noise.waits", 0, 100),
    ("agents.noise.waits_s", 0.1, 1e5),
    ("agents.noise.inside", 0, 1),
    ("agents.noise.depth_ticks", 0, 1e4),
    ("agents.noise.inventory_limit", 1e-3, 1e6),
    ("agents.arbitrage.threshold_ticks", 0, 1e6),
    ("agents.arbitrage.threshold_step", 0, 100),
    ("agents.arbitrage.size", 1e-6, 1e6),
    ("agents.arbitrage.size_spread", 0, 3),
    ("agents.arbitrage.capital", 1e-6, 1e6),
    ("agents.arbitrage.transfer", 0, 1e6),
    ("agents.arbitrage.acts", 1e-3, 10),
    ("world.impact_ticks", 0, 1e7),  # of a fine tick there are many
    ("world.impact_scale", 1e-3, 1e6),
    ("world.impact_s", 1, 1e6),
    ("world.permanent", 0, 1),
    ("world.value_sigma_ticks", 0, 1e4),
    ("world.jumps_a_hour", 0, 3600),
    ("world.jump_ticks", 0, 1e5),
    ("world.sentiment_ar", 0, 0.99999),
    ("world.sentiment_sigma", 0, 1),
    ("world.doubt", 0.001, 0.999),
    ("world.doubt_sigma", 0, 1),
    ("world.doubt_s", 1, 1e6),
    ("world.coupling", 0, 10),
    ("world.sigma_s", 1, 1e5),
    ("world.calm_s", 1, 1e6),
    ("world.calm_sigma_ticks", 0.01, 1e5),
    ("world.leverage", 0, 1e6),
    ("world.leverage_least_pct", 0.01, 50),
    ("world.leverage_mean_pct", 0.01, 50),
    ("world.leverage_s", 1, 1e6),
)


def _bounds(s: Scenario) -> Iterator[tuple[str, str]]:
    for key, least, most in _BOUNDS:
        value: Any = s
        for part in key.split("."):
            value = getattr(value, part)
        if not (math.isfinite(value) and least <= value <= most):
            yield key, f"expected {least:g} to {most:g}, found {value:g}"
    for number, venue in enumerate(s.venues):
        if not 0 < venue.share <= 1:
            yield f"venues[{number}].share", f"expected a share above 0 and up to 1, found {venue.share:g}"
        for field in ("maker_fee_bps", "taker_fee_bps"):
            fee = getattr(venue, field)
            if not -100 <= fee <= 1000:
                yield f"venues[{number}].{field}", f"expected -100 to 1000 basis points, found {fee:g}"
        if not 0 <= venue.latency_s <= 10:
            yield f"venues[{number}].latency_s", f"expected 0 to 10 seconds, found {venue.latency_s:g}"
        if not venue.name.replace("-", "").isalnum() or len(venue.name) > 20:
            name = clean(venue.name, 30)
            yield f"venues[{number}].name", f"expected up to 20 letters, digits and dashes, found {name!r}"
