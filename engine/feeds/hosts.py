"""Which hosts may be spoken to now: one memory for the whole process, for a ban is on the address."""

from __future__ import annotations

from collections.abc import Sequence

from engine.feeds.errors import Answer, Refused
from engine.feeds.network import host_of


class Hosts:
    """Times are session time in ns."""

    def __init__(self) -> None:
        self.last_connect: int | None = None  # of a WebSocket, to any host
        self._waits: dict[str, tuple[int, Refused]] = {}
        self._final: dict[str, Refused] = {}

    def refused(self, host: str, refused: Refused, now: int) -> None:
        if refused.answer is Answer.FINAL:
            self._final[host] = refused
        elif refused.answer is Answer.WAIT:
            self._waits[host] = (now + int(refused.seconds * 1e9), refused)

    def closed(self, host: str, now: int) -> Refused | None:
        """Why nothing may be sent to this host now, if so; for a wait, with the seconds that are left."""
        if host in self._final:
            return self._final[host]
        until, refused = self._waits.get(host, (now, None))
        if refused is None or until <= now:
            return None
        return Refused(refused.reason, Answer.WAIT, (until - now) / 1e9, refused.elsewhere)


class Endpoints:
    """Base URLs in the order of preference, and the one whose turn it is."""

    def __init__(self, urls: Sequence[str], hosts: Hosts, tries: int) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._hosts = hosts
        self._tries = tries
        self._at = 0
        self._failures = 0

    def current(self, now: int) -> str:
        """The endpoint to use. Raises Refused when none may be: FINAL if for good, else WAIT."""
        closed: list[Refused] = []
        for step in range(len(self._urls)):
            at = (self._at + step) % len(self._urls)
            refused = self._hosts.closed(host_of(self._urls[at]), now)
            if refused is None:
                if step:
                    self._at, self._failures = at, 0
                return self._urls[at]
            closed.append(refused)
            if refused.answer is Answer.WAIT and not refused.elsewhere:
                raise refused
        closed = closed[-self._at :] + closed[: -self._at]  # in the order of preference again
        waits = [refused for refused in closed if refused.answer is Answer.WAIT]
        if waits:
            raise min(waits, key=lambda refused: refused.seconds)
        reasons = "; ".join(dict.fromkeys(refused.reason for refused in closed))
        raise Refused(f"no endpoint is left: {reasons}", Answer.FINAL)

    def failed(self, url: str, refused: Refused, now: int) -> None:
        self._hosts.refused(host_of(url), refused, now)
        if refused.answer is Answer.RETRY and url == self._urls[self._at]:
            self._failures += 1
            if self._failures >= self._tries:
                self._at, self._failures = (self._at + 1) % len(self._urls), 0

    def worked(self) -> None:
        self._failures = 0


PROCESS_HOSTS = Hosts()
