"""What a person is told of without asking, and what risk is counted by: rules that travel in a session's `Setup`.

They are recorded with it, so that a replay raises the same alerts whatever today's settings say. `docs/alerts.md` and
`docs/risk.md` say what each kind measures.
"""

from __future__ import annotations

import msgspec

from engine.text import clean

MOST_RULES = 64
MOST_NAME = 40
LABELS = ("CALM", "TRENDING", "STRESSED", "DISLOCATED")


class Wants(msgspec.Struct, frozen=True):
    """What a kind of rule goes by: its threshold's bounds and unit, and which other fields mean something to it."""

    unit: str = ""  # empty: it has no threshold
    low: float = 0.0
    high: float = 0.0
    fields: frozenset[str] = frozenset()


_MARKET, _MONEY = (
    frozenset({"symbol", "for_s", "clear", "every_s"}),
    frozenset({"family", "for_s", "clear", "every_s"}),
)
KINDS: dict[str, Wants] = {
    "signal": Wants("confidence", 0.0, 1.0, _MARKET),
    "regime": Wants(fields=frozenset({"symbol", "to", "every_s"})),
    "feed": Wants(fields=frozenset({"symbol"})),
    "stale": Wants("s", 1.0, 86_400.0, frozenset({"symbol", "every_s"})),
    "spread": Wants("bp", 1e-6, 1e4, _MARKET | {"quantile"}),
    "depth": Wants("quote units", 1e-9, 1e15, _MARKET | {"quantile"}),
    "move": Wants("bp", 1e-3, 1e5, _MARKET | {"window_s"}),
    "gap": Wants("bp", 1e-3, 1e5, _MARKET | {"cost_bps"}),
    "swing": Wants("of sentiment", 0.01, 2.0, _MARKET | {"window_s"}),
    "whale": Wants("dollars", 1.0, 1e15, frozenset({"symbol", "every_s"})),
    "drawdown": Wants("quote units", 1e-9, 1e15, _MONEY),
    "var": Wants("quote units", 1e-9, 1e15, _MONEY),
    "es": Wants("quote units", 1e-9, 1e15, _MONEY),
    "exposure": Wants("quote units", 1e-9, 1e15, _MONEY),
    "inventory": Wants("base units a minute", 1e-12, 1e12, _MONEY),
    "sizing": Wants("times the size proposed", 0.01, 1e6, _MONEY),
}
_BOUNDS = {
    "quantile": (0.5, 0.999),
    "window_s": (1.0, 590.0),  # the grid keeps ten minutes
    "for_s": (0.0, 3600.0),
    "clear": (0.01, 1.0),
    "every_s": (0.0, 86_400.0),
    "cost_bps": (0.0, 1e4),
}

_OPTIONAL = ("quantile", "symbol", "family", "to", "window_s", "for_s", "clear", "every_s", "cost_bps")


class AlertRule(msgspec.Struct, frozen=True):
    """When a person is told, of what, and how. What a field means depends on the kind; see KINDS."""

    name: str
    kind: str
    threshold: float | None = None
    quantile: float | None = None  # instead: how unusual, among its own past
    symbol: str = ""  # BTCUSDT or binance:BTCUSDT; of a whale its asset as well; empty: each
    family: str = ""  # of agents; `you` is the person; empty: each
    to: tuple[str, ...] = ()  # labels of a regime; empty: each
    window_s: float = 60.0
    cost_bps: float = 0.0  # of trading a gap, beside half of both spreads and the fees of taking
    for_s: float = 0.0  # how long it has to hold before it is told
    clear: float = 0.8  # over once it is under this share of the threshold
    every_s: float = 300.0  # at most one alert of a subject in this time
    bell: bool = False
    notify: bool = False  # the person's own command or webhook hears of it


_DEFAULTS = {name: getattr(AlertRule("", ""), name) for name in _OPTIONAL}
DEFAULT_RULES = (
    AlertRule("imbalance", "signal", threshold=0.0, every_s=60.0),
    AlertRule("regime", "regime", every_s=60.0),
    AlertRule("feed", "feed"),
    AlertRule("stale book", "stale", threshold=60.0),
    AlertRule("wide spread", "spread", quantile=0.99, for_s=10.0),
    AlertRule("thin book", "depth", quantile=0.99, for_s=10.0),
    AlertRule("fast move", "move", threshold=100.0),
    AlertRule("gap between venues", "gap", threshold=15.0, cost_bps=10.0, for_s=5.0),
    AlertRule("sentiment swing", "swing", threshold=0.4, window_s=300.0, every_s=900.0),
    AlertRule("whale", "whale", threshold=20_000_000.0, every_s=60.0),
)


class AlertRules(msgspec.Struct, frozen=True):
    """All rules of a session, and how many alerts a person can take."""

    rules: tuple[AlertRule, ...] = DEFAULT_RULES
    burst: int = 10  # at once
    per_hour: float = 60.0  # in the long run; what is beyond is counted, and the count is told


class RiskRule(msgspec.Struct, frozen=True):
    """How the risk of those who trade here is counted; see `engine.risk`."""

    horizon_s: float = 10.0  # of a change of equity: what value at risk speaks of
    level: float = 0.95
    decay: float = 0.94  # of the EWMA, a change; RiskMetrics' of daily ones
    capital: float = 100_000.0  # quote units, that sizes are shares of
    target: float = 0.01  # deviation of a day's return on capital that a position is sized for
    kelly_share: float = 0.5
    kelly_cap: float = 1.0  # times capital


RISK = {
    "horizon_s": (1.0, 3600.0),
    "level": (0.5, 0.999),
    "decay": (0.5, 0.9999),
    "capital": (1e-6, 1e15),
    "target": (1e-6, 1.0),
    "kelly_share": (0.0, 1.0),
    "kelly_cap": (0.0, 100.0),
}


def check_rules(rules: AlertRules) -> None:
    """Raises ValueError for rules that no session could go by, in words for whoever wrote them."""
    if len(rules.rules) > MOST_RULES:
        raise ValueError(f"expected at most {MOST_RULES} alert rules, found {len(rules.rules)}")
    _within("alerts", "burst", rules.burst, (1, 1000))
    _within("alerts", "per_hour", rules.per_hour, (1.0, 3600.0))
    names = [rule.name for rule in rules.rules]
    for rule in rules.rules:
        check_rule(rule)
        if names.count(rule.name) > 1:
            raise ValueError(f"expected a name of its own for each alert rule, found {rule.name!r} twice")


def check_rule(rule: AlertRule) -> None:
    """Raises ValueError for one that means nothing, and says what would."""
    if not rule.name or clean(rule.name, MOST_NAME) != rule.name:
        raise ValueError(
            f"expected an alert rule's name, one line of 1 to {MOST_NAME} characters, "
            f"found {clean(rule.name, MOST_NAME)!r}"
        )
    whose = f"alert rule {rule.name!r}"
    wants = KINDS.get(rule.kind)
    if wants is None:
        raise ValueError(f"{whose}: expected a kind among {', '.join(KINDS)}, found {clean(rule.kind, 20)!r}")
    for text in (rule.symbol, rule.family):
        if clean(text, MOST_NAME) != text:
            raise ValueError(f"{whose}: expected a symbol's or a family's name, found {clean(text, 20)!r}")
    for name, default in _DEFAULTS.items():
        if getattr(rule, name) != default and name not in wants.fields:
            known = ", ".join(sorted(wants.fields | ({"threshold"} if wants.unit else set())))
            raise ValueError(f"{whose}: {name} means nothing to kind {rule.kind}, which goes by {known}")
    for name, bounds in _BOUNDS.items():
        found = getattr(rule, name)
        if found is not None:
            _within(whose, name, found, bounds)
    for label in rule.to:
        if label not in LABELS:
            raise ValueError(f"{whose}: expected `to` among {', '.join(LABELS)}, found {clean(label, 20)!r}")
    _check_threshold(whose, rule, wants)


def _check_threshold(whose: str, rule: AlertRule, wants: Wants) -> None:
    if not wants.unit:
        if rule.threshold is not None:
            raise ValueError(f"{whose}: kind {rule.kind} has no threshold, found {rule.threshold:g}")
        return
    if "quantile" in wants.fields and (rule.threshold is None) == (rule.quantile is None):
        found = "neither" if rule.threshold is None else "both"
        raise ValueError(
            f"{whose}: expected a threshold in {wants.unit} or a quantile such as 0.99, found {found}"
        )
    if rule.quantile is None:
        if rule.threshold is None:
            raise ValueError(
                f"{whose}: expected a threshold from {wants.low:g} to {wants.high:g} {wants.unit}, found none"
            )
        _within(whose, f"a threshold ({wants.unit})", rule.threshold, (wants.low, wants.high))


def check_risk(rule: RiskRule) -> None:
    """Raises ValueError for numbers that no risk could be counted by."""
    for name, bounds in RISK.items():
        _within("risk", name, getattr(rule, name), bounds)


def _within(whose: str, name: str, found: float, bounds: tuple[float, float]) -> None:
    lowest, highest = bounds
    if not lowest <= found <= highest:  # so written, it refuses what is not a number too
        raise ValueError(f"{whose}: expected {name} from {lowest:g} to {highest:g}, found {found:g}")
