"""Whether a connection still says what it should: clocks for all of it, for each stream, for the usual rate.

A stream's silence means something only against how often it usually speaks, and a thin market may rest for
minutes. A depth stream has a better witness: bookTicker carries the same update ids, so an id seen there
and not in a diff seconds later means that diffs are missing.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.feeds.options import FeedOptions

_KNOWN_AFTER = 20  # messages, before a stream's usual gap is judged by
_SMOOTHING = 0.05  # of the newest gap in the usual one
_LIVELY = 0.2  # of the patience: a stream is silent among others only while those speak
_TRADE_PATIENCE = 12.0  # trades come in bursts: so many times the silence of other streams


class Silence(NamedTuple):
    """`streams` have stopped (empty: all of the connection has)."""

    streams: tuple[int, ...]
    reason: str
    seconds: float


class _Clock:
    __slots__ = ("count", "gap_s", "last")

    def __init__(self, now: int) -> None:
        self.last = now
        self.gap_s = 0.0
        self.count = 0

    def heard(self, now: int) -> None:
        gap_s = (now - self.last) / 1e9
        self.gap_s = gap_s if self.count < 2 else self.gap_s + _SMOOTHING * (gap_s - self.gap_s)
        self.count += 1
        self.last = now


class Liveness:
    """Streams are numbers; times are session time in ns, which never steps back."""

    def __init__(self, names: tuple[str, ...], patience: tuple[bool, ...], options: FeedOptions) -> None:
        """`patience[i]`: stream i comes in bursts."""
        self._names = names
        self._patience = patience
        self._options = options
        self._all = _Clock(0)
        self._streams = [_Clock(0) for _ in names]
        self._owed: dict[int, tuple[int, int]] = {}  # since when, which update id

    def start(self, now: int) -> None:
        """A new connection. How often a stream usually speaks is the market's, and stays known."""
        self.excuse(now)

    def heard(self, stream: int, now: int) -> None:
        self._all.heard(now)
        self._streams[stream].heard(now)

    def alive(self, now: int) -> None:
        """The venue's own heartbeat."""
        self._all.heard(now)

    def excuse(self, now: int) -> None:
        """We were not listening ourselves: silence counts from now."""
        for clock in (self._all, *self._streams):
            clock.last = now
        self._owed.clear()

    def witness(self, stream: int, seen_id: int, own_id: int, now: int) -> None:
        """Elsewhere update `seen_id` was seen, which this stream, now at `own_id`, has to bring too."""
        _, owed_id = self._owed.get(stream, (now, own_id))
        if own_id >= owed_id:
            self._owed.pop(stream, None)
            if seen_id > own_id:
                self._owed[stream] = now, seen_id

    def silence(self, now: int) -> Silence | None:
        """What should be heard and is not; the whole connection before single streams."""
        silent_s = (now - self._all.last) / 1e9
        patience_s = self._patience_s(self._all, False)
        if silent_s <= _LIVELY * patience_s:
            return self._single(now)
        if silent_s <= patience_s or self._all.count < _KNOWN_AFTER:
            return None
        return Silence((), f"no data for {silent_s:.1f} s, usually every {_gap(self._all)}", silent_s)

    def _single(self, now: int) -> Silence | None:
        worst: Silence | None = None
        streams = []
        for number, clock in enumerate(self._streams):
            silent_s = (now - clock.last) / 1e9
            name = self._names[number]
            behind_s = (now - self._owed.get(number, (now, 0))[0]) / 1e9
            if behind_s > self._options.stale_s:
                reason = f"{name} is {behind_s:.1f} s behind the best prices"
            elif clock.count >= _KNOWN_AFTER and silent_s > self._patience_s(clock, self._patience[number]):
                reason = f"{name} is silent for {silent_s:.1f} s, usually every {_gap(clock)}"
            else:
                continue
            streams.append(number)
            if worst is None or silent_s > worst.seconds:
                worst = Silence((), reason, max(silent_s, behind_s))
        return worst and Silence(tuple(streams), worst.reason, worst.seconds)

    def _patience_s(self, clock: _Clock, bursts: bool) -> float:
        usual_s = max(self._options.stale_s, self._options.stale_gaps * clock.gap_s)
        return usual_s * _TRADE_PATIENCE if bursts else usual_s


def _gap(clock: _Clock) -> str:
    return f"{clock.gap_s * 1e3:.0f} ms" if clock.gap_s < 1 else f"{clock.gap_s:.1f} s"
