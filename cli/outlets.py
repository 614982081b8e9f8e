"""A person's own command or webhook, told of alerts whose rule says so. Live sessions only, and off unless it is set.

It hangs on the rim of the live session: what a replay, a rewind, a child or a simulation tells never reaches it. One
thread takes alerts from a short queue, so that nothing in the session waits; what does not fit is dropped, and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from engine.events import Alert
from engine.text import clean

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.core import State
    from engine.events import Derived

WAITING = 32  # alerts
LAST_WORDS_S = 3.0  # at a session's end, for what waits
_OURS = "MICROTUI_"  # variables that may hold secrets of ours


class Failed(Exception):
    """It was not told, and why, in words without an address or a secret."""


class Outlet(Protocol):
    def tell(self, payload: bytes) -> None:
        """Raises Failed. Called in the outlets' thread."""


class Command:
    """A program that gets the payload on its standard input. It is run as it is written, by no shell."""

    def __init__(self, argv: Sequence[str], timeout_s: float) -> None:
        self._argv = [os.path.expanduser(argv[0]), *argv[1:]]
        self._timeout_s = timeout_s
        self._name = clean(os.path.basename(argv[0]), 40)

    def tell(self, payload: bytes) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        try:
            child = subprocess.Popen(  # noqa: S603  the person's own, from their settings
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=kept,
                start_new_session=True,  # Ctrl+C in the terminal is for us alone
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not usable"
            raise Failed(f"the alert command {self._name!r} cannot be run: {clean(reason, 80)}") from None
        try:
            child.communicate(payload + b"\n", timeout=self._timeout_s)  # a line, as files want it
        except subprocess.TimeoutExpired:
            _kill(child)
            raise Failed(
                f"the alert command {self._name!r} had not ended after {self._timeout_s:g} s"
            ) from None
        if child.returncode:
            raise Failed(f"the alert command {self._name!r} ended with {child.returncode}")


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The program and what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


class Outlets:
    """Observes a live session and tells its outlets; `run` stands beside the session and ends with it."""

    def __init__(
        self,
        outlets: Sequence[Outlet],
        say: Callable[[str], None],
        per_minute: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outlets, self._say, self._per_minute, self._now = list(outlets), say, per_minute, now
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._told: deque[float] = deque(maxlen=per_minute)
        self._dropped = 0
        self._failures: set[str] = set()
        self._thread: threading.Thread | None = None

    def __call__(self, state: State, derived: Sequence[Derived]) -> None:
        for item in derived:
            if isinstance(item, Alert):
                payload = _payload(state, item)
                if payload is not None:
                    self._put(payload)

    def _put(self, payload: dict[str, Any]) -> None:
        now = self._now()
        if len(self._told) == self._per_minute and now - self._told[0] < 60.0:
            self._dropped += 1
            return
        try:
            self._waiting.put_nowait({**payload, "dropped_before": self._dropped})
        except queue.Full:
            self._dropped += 1
            return
        self._told.append(now)
        self._dropped = 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="outlets", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (payload := self._waiting.get()) is not None:
            body = json.dumps(payload, ensure_ascii=False).encode()
            for outlet in self._outlets:
                try:
                    outlet.tell(body)
                except Exception as error:  # whatever one of them does, the next alert is told all the same
                    why = (
                        str(error)
                        if isinstance(error, Failed)
                        else f"an alert was not passed on: {type(error).__name__}"
                    )
                    if why not in self._failures:
                        self._failures.add(why)
                        self._say(why)

    async def run(self) -> None:
        """Until it is cancelled; what waits then has a moment to be told."""
        try:
            await asyncio.Event().wait()
        finally:
            self.close()

    def close(self, within_s: float = LAST_WORDS_S) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        while True:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(None)
                break
            with contextlib.suppress(queue.Empty):
                self._waiting.get_nowait()  # the oldest makes room for the end
        thread.join(within_s)


def _payload(state: State, alert: Alert) -> dict[str, Any] | None:
    """What is told of an alert, None where its rule does not ask for it."""
    same = (alert.ts, alert.kind, alert.text, alert.symbol)
    event = next((e for e in reversed(state.events) if (e.ts, e.kind, e.text, e.symbol) == same), None)
    if event is None or not event.notify:
        return None
    symbol = state.symbols.get(-1 if alert.symbol is None else alert.symbol)
    instrument = symbol.instrument if symbol is not None else None
    return {
        "ts": datetime.fromtimestamp(alert.ts / 1e9, UTC).isoformat(timespec="milliseconds"),
        "kind": alert.kind,
        "rule": event.rule,
        "venue": instrument.venue if instrument is not None else None,
        "symbol": instrument.symbol if instrument is not None else None,
        "text": alert.text,
        "confidence": alert.confidence,
    }


def outlets_of(settings: Settings, say: Callable[[str], None]) -> Outlets | None:
    """For one live session; None where the settings name neither a command nor a webhook."""
    alerting = settings.alerting
    outlets: list[Outlet] = []
    if alerting.command:
        outlets.append(Command(alerting.command, alerting.timeout_s))
    if alerting.webhook is not None:
        from cli.outlets_web import Webhook

        header = alerting.webhook_header
        outlets.append(
            Webhook(
                alerting.webhook.get_secret_value(),
                header.get_secret_value() if header is not None else "",
                alerting.timeout_s,
            )
        )
    return Outlets(outlets, say, alerting.per_minute) if outlets else None
