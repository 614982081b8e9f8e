"""The command palette's entries: the same actions as the keys, every theme and every symbol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette."""

    text: str
    help: str
    run: Callable[[], None]


class HasEntries(Protocol):
    def palette_entries(self) -> list[Entry]: ...


class Entries(Provider):
    """Finds entries by what is typed."""

    def _all(self) -> list[Entry]:
        return cast(HasEntries, self.app).palette_entries()

    async def discover(self) -> Hits:
        for entry in self._all():
            yield DiscoveryHit(Content(entry.text), entry.run, text=entry.text, help=entry.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._all():
            score = max(matcher.match(entry.text), matcher.match(entry.help) * 0.8)
            if score > 0:
                shown = matcher.highlight(entry.text)
                yield Hit(score, shown, partial(entry.run), text=entry.text, help=entry.help)
