"""Labels against a slow twin, alerts that flood nobody, factors and labels that know no future, and checkpoints."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Alert, Derived, FactorTick, Markov, RegimeRule, Setup, Usual
from engine.kernels import regime as kernel
from engine.kernels import seconds as grid
from engine.limits import check_setup
from engine.regimes.live import POINT_S, POINTS_KEPT, Regime
from engine.regimes.pack import pack, unpack
from engine.regimes.shown import regime_now
from engine.regimes.words import LABELS
from tests.regimes.windows import Floats, Grid, fitted, quiet_rows, with_volatility

RULE = RegimeRule()
MARKOV = Markov((0.5, 3.0), (0.97, 0.9), (0.9, 0.1))


def run(
    rows: Floats, regime: Regime | None = None, made: Grid | None = None, rule: RegimeRule = RULE
) -> tuple[Regime, Grid, list[Derived]]:
    """The rows second by second."""
    regime, made = regime or Regime(), made or Grid()
    said: list[Derived] = []
    for row in rows:
        ts = made.add(row)
        said += regime.second(made.seconds, 0, ts, rule)
    return regime, made, said


def alerts(said: list[Derived]) -> list[Alert]:
    return [item for item in said if isinstance(item, Alert)]


def stressed_rows(count: int, seed: int, **changes: float) -> Floats:
    """Quiet rows, of which the last 200 s have columns that many times as large."""
    rows = quiet_rows(count, seed)
    for name, factor in changes.items():
        rows[-200:, grid.COLUMNS.index(name)] *= factor
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_market_stays_quiet(seed: int) -> None:
    regime, _, said = run(quiet_rows(1800, seed))
    assert regime.label == "CALM"
    assert alerts(said) == []
    ticks = [item for item in said if isinstance(item, FactorTick)]
    assert all((tick.calm or 0.0) > 0.5 for tick in ticks)
    assert 340 <= len(ticks) <= 350  # one each 5 s, from the first minute on


@pytest.mark.parametrize(
    ("changes", "label", "word"),
    [
        ({"round_trip_bps": 3.0}, "STRESSED", "round trip 2."),
        ({"round_trip_bps": 8.0}, "DISLOCATED", "round trip"),
        ({"bid_depth": 0.2, "ask_depth": 0.2}, "STRESSED", "depth 1/"),
        ({"bid_depth": 0.1, "ask_depth": 0.1}, "DISLOCATED", "depth 1/"),
        ({"volatility_bps": 3.5}, "STRESSED", "volatility"),
    ],
)
def test_each_measure_has_its_say(changes: dict[str, float], label: str, word: str) -> None:
    regime, _, said = run(stressed_rows(900, 3, **changes))
    assert regime.label == label
    first = alerts(said)[0]
    assert word in first.text
    assert (first.kind, first.symbol) == ("REGIME", 0)
    assert 0.5 < (first.confidence or 0.0) <= 1.0


def test_a_change_that_is_told_late_has_no_probability_of_what_has_passed() -> None:
    """Stressed, then dislocated for twenty seconds of the minute in which nothing more is told, then calm."""
    rows = quiet_rows(900, 3)
    cost = grid.COLUMNS.index("round_trip_bps")
    rows[700:730, cost] *= 3.5
    rows[730:750, cost] *= 9.0
    regime, made, said = run(rows[:775])
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    assert (shown.label, shown.lingers) == ("DISLOCATED", True)
    first, second = alerts(said)
    assert first.text.startswith("calm → stressed: ")
    assert (first.confidence or 0.0) > 0.5
    assert second.text == "stressed → dislocated: as usual; calm is likelier by now"
    assert second.confidence is None


def test_what_is_known_to_be_usual_is_not_unlearnt() -> None:
    """Half an hour at four times the usual cost from the start on: what is usual is nothing a crash can teach."""
    rows = quiet_rows(1800, 3)
    volatility, cost, bids, asks = (
        float(np.median(rows[:, grid.COLUMNS.index(name)]))
        for name in ("volatility_bps", "round_trip_bps", "bid_depth", "ask_depth")
    )
    usual = Usual(volatility, cost, bids + asks)
    rows[:, grid.COLUMNS.index("round_trip_bps")] *= 4.0
    learnt, _, _ = run(rows)
    known, _, said = run(rows, rule=RegimeRule(usual=usual))
    assert learnt.label == "CALM"
    assert known.label == "STRESSED"
    assert {tick.regime for tick in said if isinstance(tick, FactorTick)} == {"STRESSED"}
    told = np.log([usual.volatility_bps, usual.round_trip_bps, 1.0 / usual.depth])
    np.testing.assert_allclose(known.arrays.base[:3], told)
    calm, _, said = run(quiet_rows(1800, 3), rule=RegimeRule(usual=usual))
    assert calm.label == "CALM"
    assert alerts(said) == []


@pytest.mark.parametrize("name", ["volatility_bps", "round_trip_bps", "depth"])
@pytest.mark.parametrize("number", [0.0, -1.0, math.nan, math.inf])
def test_a_usual_that_has_no_logarithm_is_refused(name: str, number: float) -> None:
    usual = msgspec.structs.replace(Usual(12.0, 3.0, 1200.0), **{name: number})
    check_setup(Setup(regime=RegimeRule(usual=Usual(12.0, 3.0, 1200.0))))
    with pytest.raises(ValueError, match=name):
        check_setup(Setup(regime=RegimeRule(usual=usual)))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_straight_move_is_a_trend(side: int) -> None:
    rows = quiet_rows(700, 1)
    rows[-150:, grid.MID] *= np.exp(side * np.arange(150) * 0.3e-4)
    regime, _, said = run(with_volatility(rows))
    assert regime.label == "TRENDING"
    assert f"{'up' if side > 0 else 'down'} " in alerts(said)[-1].text


def test_without_a_book_nothing_is_said() -> None:
    rows = quiet_rows(600, 2)
    rows[300:] = np.nan
    regime, _, said = run(rows[:340])
    assert regime.label == "CALM"  # a blink changes nothing
    now = regime_now(regime, Grid().seconds)
    assert now is None
    regime, made, said = run(rows)
    assert regime.label == ""
    assert regime.probabilities == (None,) * 4
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    assert (shown.state, shown.label, shown.probability) == ("no book", "", None)
    assert alerts(said) == []


def test_a_book_with_an_empty_side_is_dislocated() -> None:
    rows = quiet_rows(400, 2)
    rows[300:, [grid.MID, grid.SPREAD_BPS, grid.ROUND_TRIP_BPS]] = np.nan
    regime, _, said = run(rows)
    assert regime.label == "DISLOCATED"
    assert "a side of the book is empty" in alerts(said)[0].text


def test_before_a_minute_it_says_what_it_waits_for() -> None:
    regime, made, said = run(quiet_rows(45, 1))
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    assert (regime.label, shown.state, said) == ("", "learning what is usual, 15 s more", [])


class Slow:
    """Hysteresis as it is told of: a graver label after 10 s of wanting, a lesser one after 30 s."""

    def __init__(self) -> None:
        self.label = -1
        self.above = self.below = 0

    def step(self, scores: Floats) -> int:
        trend, stress, far = scores[kernel.TREND], scores[kernel.STRESS], scores[kernel.DISLOCATION]
        levels = {3: far, 2: stress, 1: trend}
        wanted = max((k for k, v in levels.items() if v >= (0.7 if k == self.label else 1.0)), default=0)
        if self.label == -1:
            self.label = wanted
            return wanted
        self.above = self.above + 1 if wanted > self.label else 0
        self.below = self.below + 1 if wanted < self.label else 0
        if self.above > 10 or self.below > 30:
            self.label, self.above, self.below = wanted, 0, 0
        return self.label


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(
        st.tuples(st.integers(1, 80), st.floats(0.3, 12.0), st.floats(0.3, 12.0)), min_size=1, max_size=8
    ),
)
def test_labels_are_those_of_a_slow_twin(seed: int, phases: list[tuple[int, float, float]]) -> None:
    rows = quiet_rows(100 + sum(length for length, _, _ in phases), seed)
    at = 100
    for length, cost, depth in phases:
        rows[at : at + length, grid.ROUND_TRIP_BPS] *= cost
        rows[at : at + length, [grid.BID_DEPTH, grid.ASK_DEPTH]] *= depth
        at += length
    regime, made, slow = Regime(), Grid(), Slow()
    for count, row in enumerate(rows, 1):
        ts = made.add(row)
        regime.second(made.seconds, 0, ts, RULE)
        if count < kernel.WARM_S:
            assert regime.label == ""
            continue
        assert regime.label == LABELS[slow.step(regime.arrays.scores)]
        calm, trending, stressed, dislocated = regime.arrays.probs.tolist()
        assert min(calm, trending, stressed, dislocated) >= 0.0
        assert math.isclose(calm + trending + stressed + dislocated, 1.0)


def test_the_usual_is_the_mean_of_what_was() -> None:
    """Ratios against numpy: a plain mean of logarithms, as long as less than the baseline's time has passed."""
    rows = quiet_rows(600, 5)
    regime, _, _ = run(rows)
    logs = np.log(np.hypot(rows[59:, grid.VOLATILITY_BPS], 0.5 * rows[59:, grid.SPREAD_BPS]))
    # The first row counts twice: it is the usual that it is itself compared with.
    wanted = np.concatenate([logs[:1], logs]).mean()
    assert regime.arrays.base[kernel.VOLATILITY] == pytest.approx(wanted, abs=0.02)


def test_alerts_come_once_a_minute_at_most() -> None:
    rows = quiet_rows(1500, 6)
    for start in range(300, 1500, 45):  # 15 s in each 45 s
        rows[start : start + 15, grid.ROUND_TRIP_BPS] *= 12.0
    _, _, said = run(rows)
    times = [alert.ts for alert in alerts(said)]
    assert len(times) > 3
    assert min(np.diff(times)) >= 60 * 10**9


@pytest.mark.parametrize("cut", [350, 500])
def test_nothing_knows_the_future(cut: int) -> None:
    """Two futures of one past: labels, probabilities and factors up to the cut are the same."""
    one, other = quiet_rows(700, 7), quiet_rows(700, 7)
    other[cut:] = stressed_rows(700, 8, round_trip_bps=9.0)[cut:]
    seen = []
    for rows in (one, other):
        regime, made = Regime(), Grid()
        points = []
        for i, row in enumerate(rows):
            ts = made.add(row)
            regime.second(made.seconds, 0, ts, RULE)
            if i == 310:
                regime.on_fit(fitted(made.second - 8, markov=MARKOV), made.seconds)
            points.append((regime.label, *regime.arrays.probs.tolist(), *regime.factors))
        seen.append(points)
    assert repr(seen[0][:cut]) == repr(seen[1][:cut])  # repr: NaN is NaN
    assert repr(seen[0][cut:]) != repr(seen[1][cut:])


def test_a_late_fit_goes_through_the_rows_that_came_since() -> None:
    """A fit that arrives 40 s after its window leads to what one that arrived at once leads to."""
    rows = quiet_rows(500, 9)
    prompt, late = Regime(), Regime()
    made = Grid()
    for i, row in enumerate(rows):
        ts = made.add(row)
        prompt.second(made.seconds, 0, ts, RULE)
        late.second(made.seconds, 0, ts, RULE)
        if i == 400:
            note = fitted(made.second, markov=MARKOV)
            prompt.on_fit(note, made.seconds)
        if i == 440:
            late.on_fit(note, made.seconds)
            assert late.factors == prompt.factors
    assert late.factors == prompt.factors
    np.testing.assert_array_equal(late.arrays.markov, prompt.arrays.markov)


def test_a_fit_that_comes_too_late_or_fails_leaves_the_last_one_in_use() -> None:
    regime, made, _ = run(quiet_rows(320, 10))
    regime.on_fit(fitted(made.second), made.seconds)
    in_use = regime.fit
    regime.on_fit(fitted(made.second - 700), made.seconds)
    assert regime.fit is in_use
    assert regime.said is not None
    assert (regime.said.state, regime.said.reason) == ("FAILED", "a fit of 700 s ago came too late")
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    assert (shown.fit, len(shown.loadings)) == ("FAILED", 7)


def test_a_filter_that_loses_its_footing_says_so() -> None:
    regime, made, _ = run(quiet_rows(320, 10))
    note = fitted(made.second)
    assert note.model is not None
    wild = msgspec.structs.replace(note.model, transition=((50.0, 0.0), (0.0, 50.0)))
    regime.on_fit(msgspec.structs.replace(note, model=wild), made.seconds)
    rows = quiet_rows(40, 11)
    rows[:, [grid.ROUND_TRIP_BPS, grid.BID_NEAR, grid.BID_DEPTH, grid.ORDER_FLOW]] = np.nan
    rows[:, [grid.VOLATILITY_BPS, grid.VOLUME]] = np.nan
    regime, made, said = run(rows, regime, made)
    assert regime.factors == (None, None)
    assert [item for item in said if isinstance(item, FactorTick)][-1].factor_1 is None
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    assert shown.fit == "LOST"


def test_states_of_volatility_raise_an_alarm_that_thresholds_do_not_have_yet() -> None:
    rows = quiet_rows(400, 12)
    before, made, _ = run(rows)
    before.on_fit(fitted(made.second, markov=MARKOV), made.seconds)
    quiet = before.probabilities[0] or 0.0
    jumps = quiet_rows(6, 13)
    jumps[:, grid.MID] = rows[-1, grid.MID] * (1.0 + 4e-4 * (np.arange(6) % 2))
    jumps[:, grid.VOLATILITY_BPS] = rows[
        -1, grid.VOLATILITY_BPS
    ]  # what stands over a minute has not seen them
    after, _, _ = run(jumps, before, made)
    assert quiet > 0.6
    assert (after.probabilities[0] or 0.0) < quiet - 0.3


def test_history_is_an_hour_of_points() -> None:
    rows = np.tile(quiet_rows(600, 14), (8, 1))
    regime, made, said = run(rows)
    shown = regime_now(regime, made.seconds)
    assert shown is not None
    labels = np.frombuffer(shown.history_label)
    assert len(labels) == POINTS_KEPT
    assert shown.history_end == made.second // POINT_S * POINT_S * 10**9
    probabilities = np.frombuffer(shown.history_probability)
    at = {item.ts // 10**9 // POINT_S: item for item in said if isinstance(item, FactorTick)}
    point = made.second // POINT_S
    for back in range(POINTS_KEPT):
        tick = at[point - back]
        assert tick.regime == LABELS[int(labels[-1 - back])]
        wanted = getattr(tick, tick.regime.lower())
        assert probabilities[-1 - back] == pytest.approx(wanted, rel=1e-6)


def test_a_packed_regime_goes_on_as_the_regime() -> None:
    rows = stressed_rows(900, 15, round_trip_bps=4.0)
    regime, made, _ = run(rows[:500])
    regime.on_fit(fitted(made.second, markov=MARKOV), made.seconds)
    regime, made, _ = run(rows[500:650], regime, made)
    copy, other = unpack(*pack(regime)), Grid()
    other.seconds, other.second = made.seconds.copy(), made.second
    _, _, said = run(rows[650:], regime, made)
    _, _, said_again = run(rows[650:], copy, other)
    assert said == said_again
    assert regime_now(regime, made.seconds) == regime_now(copy, other.seconds)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("clock", lambda a: a + 7),
        ("clock", lambda a: a - 2**40),
        ("probs", lambda a: a + 2.0),
        ("markov", lambda a: -np.abs(a)),
        ("base", lambda a: a * np.inf),
        ("history", lambda a: a + 9.0),
        ("history", lambda a: a[:, :-1]),
        ("cov", lambda a: a[:-1]),
        ("mean", lambda a: a.astype(np.float32)),
        ("scores", lambda a: a.astype(np.int64)),
    ],
)
def test_a_damaged_regime_is_refused(name: str, damage: object) -> None:
    regime, made, _ = run(quiet_rows(350, 16))
    regime.on_fit(fitted(made.second, markov=MARKOV), made.seconds)
    arrays, words = pack(regime)
    arrays[name] = damage(arrays[name])  # type: ignore[operator]
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="a regime"):
        unpack(arrays, words)


def test_words_that_no_regime_has_are_refused() -> None:
    regime, made, _ = run(quiet_rows(350, 16))
    regime.on_fit(fitted(made.second), made.seconds)
    arrays, words = pack(regime)
    for change in ({"told": "SPLENDID"}, {"filtered": 2**60}, {"fit": None}, {"told_at": -1}):
        with pytest.raises(ValueError, match="a regime"):
            unpack(arrays, msgspec.structs.replace(words, **change))
