"""How far this machine's clock is off: by the clocks of those who answered, and by what the system says itself."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cli.doctor_report import FAULT, HINT, OK, Finding

if TYPE_CHECKING:
    from engine.feeds.probe import Probed

AREA = "clock"
_HINT_S = 0.5
_FAULT_S = 60.0  # posts dated two minutes ahead are taken for wrong, and certificates begin to be
_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC in <sys/timex.h>


class Offset(NamedTuple):
    """Their clock less ours, in seconds, and how wrong that can be."""

    seconds: float
    doubt_s: float
    host: str


# What answers about the time: a venue's own field, what one of it is in seconds, and how coarse it is.
_FIELDS: tuple[tuple[Callable[[Any], Any], float, float], ...] = (
    (lambda said: said["serverTime"], 1e-3, 1e-3),  # Binance
    (lambda said: said["epochMillis"], 1e-3, 1e-3),  # Coinbase
    (lambda said: said["result"]["unixtime"], 1.0, 1.0),  # Kraken
)


def offset_of(answer: Probed) -> Offset | None:
    """What one answer says of our clock; None where it says no time.

    The server's clock was read somewhere between request and answer, so half of that time is in doubt; so is half of
    the unit that the time is given in, which is cut off and not rounded.
    """
    from engine.feeds.network import host_of

    found = _said(answer)
    if found is None:
        return None
    server_s, unit_s = found
    ours_s = (answer.sent_ns + answer.answered_ns) / 2e9
    doubt_s = (answer.answered_ns - answer.sent_ns) / 2e9 + unit_s / 2
    return Offset(server_s + unit_s / 2 - ours_s, doubt_s, host_of(answer.url))


def _said(answer: Probed) -> tuple[float, float] | None:
    """The server's time in seconds since 1970, and its unit: from its body, else from the Date header."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    for read, scale, unit_s in _FIELDS:
        try:
            return float(read(body)) * scale, unit_s
        except (TypeError, KeyError, ValueError, IndexError):
            continue
    try:
        return parsedate_to_datetime(answer.date).timestamp(), 1.0
    except (TypeError, ValueError, OverflowError):
        return None


def clock_findings(answers: Sequence[Probed]) -> Iterator[Finding]:
    """By the surest of the answers, and by the system."""
    offsets = sorted((o for a in answers if (o := offset_of(a)) is not None), key=lambda o: o.doubt_s)
    if offsets:
        best = offsets[0]
        found = f"{best.seconds:+.3f} s against {best.host}, give or take {best.doubt_s:.3f} s"
        if len(offsets) > 1:
            found += f" (the surest of {len(offsets)})"
        facts = {"offset_s": round(best.seconds, 6), "doubt_s": round(best.doubt_s, 6)}
        surely_s = max(0.0, abs(best.seconds) - best.doubt_s)
        level = FAULT if surely_s > _FAULT_S else HINT if surely_s > _HINT_S else OK
        advice = (
            ""
            if level == OK
            else "switch on the system's time synchronisation, such as timedatectl set-ntp true"
        )
        yield Finding(AREA, "offset", level, found, advice, facts)
    yield system_finding(system_state())


class SystemState(NamedTuple):
    synchronised: bool
    error_s: float  # the most that the kernel thinks it is off by


def system_finding(state: SystemState | None) -> Finding:
    if state is None:
        return Finding(AREA, "synchronised", OK, "the system does not tell")
    if state.synchronised:
        return Finding(
            AREA, "synchronised", OK, f"yes, off by at most {state.error_s:.3f} s by its own account"
        )
    advice = "fine where a host keeps the clock; else switch on the system's time synchronisation"
    return Finding(AREA, "synchronised", HINT, "not by this system", advice)


class _Timex(ctypes.Structure):
    """The head of `struct timex`; the rest is only room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # µs
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def system_state() -> SystemState | None:
    """What Linux says of its clock (adjtimex, which only reads here); None where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state = _Timex(modes=0)
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return SystemState(not state.status & _UNSYNCHRONISED, state.maxerror / 1e6)
