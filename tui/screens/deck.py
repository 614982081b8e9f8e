"""The shock deck: which kind, how large, which way, for how long, now or at a time; enter does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from engine.events import Shock
from engine.frame import Frame
from engine.shocks import KINDS, BadShock, ShockKind, describe, parse
from engine.text import clean
from tui.deck import Deck, depth_met
from tui.format import SECOND_NS, band_text, clock
from tui.look import Look
from tui.panels.base import Row
from tui.panels.scroll import wrapped
from tui.screens.card import Card
from tui.screens.prompt import Prompt
from tui.when import NotATime, parse_time
from tui.where import acts

FULL_HEIGHT = 18  # rows that the list of kinds needs with all that stands below it
FURTHEST_NS = 24 * 3600 * SECOND_NS
TYPED = "sell:500/60s, cascade:longs:300, halt/30s"
Deed = Callable[[Shock], None]


class DeckScreen(Card):
    """Sets a `Deck` and hands its shock to `fire`, or to `ask` for a what-if where the session makes one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("left,minus", "resize(-1)", show=False),
        Binding("right,plus,equals_sign", "resize(1)", show=False),
        Binding("left_square_bracket", "duration(-1)", show=False),
        Binding("right_square_bracket", "duration(1)", show=False),
        Binding("tab,shift+tab", "flip", show=False, priority=True),
        Binding("at", "begin", show=False),
        Binding("colon", "type", show=False),
        Binding("enter", "fire", show=False),
        Binding("w", "ask", show=False),
        Binding("s", "leave", show=False),
        *(Binding(str(digit + 1), f"choose({digit})", show=False) for digit in range(len(KINDS))),
    ]

    def __init__(
        self,
        look: Look,
        latest: Callable[[], Frame | None],
        deck: Deck,
        fire: Deed,
        ask: Deed | None,
    ) -> None:
        super().__init__(look, latest)
        self._deck, self._fire, self._ask = deck, fire, ask

    # what a person changes

    def action_choose(self, place: int) -> None:
        self._deck.choose(KINDS[place].name)
        self.again()

    def action_move(self, by: int) -> None:
        self._deck.move(by)
        self.again()

    def action_resize(self, by: int) -> None:
        self._deck.resize(self.frame, by)
        self.again()

    def action_duration(self, by: int) -> None:
        self._deck.last_longer(self.frame.market.symbol, by)
        self.again()

    def action_flip(self) -> None:
        self._deck.flip(self.frame.market.symbol)
        self.again()

    def action_side(self, place: int) -> None:
        setting = self._deck.setting(self.frame.market.symbol, self._deck.kind)
        if (setting.side > 0) != bool(place):
            self.action_flip()

    def action_begin(self) -> None:
        """At a time; asked again, at once."""
        if self._deck.begins_ns:
            self._deck.begins_ns = 0
            self.again()
            return

        def check(text: str) -> str:
            try:
                self._moment(text)
            except NotATime as wrong:
                return str(wrong)
            return ""

        def given(text: str | None) -> None:
            if text is not None:
                self._deck.begins_ns = self._moment(text)
                self.again()

        zone = "UTC" if self._look.utc else "local time"
        self.app.push_screen(Prompt(f"begin at a time, {zone}", "+30s, +5m, 14:30, 14:30:15", check), given)

    def _moment(self, text: str) -> int:
        now = self.frame.market.ts
        return parse_time(text, now, now, now + FURTHEST_NS, self._look.utc, "a shock can begin")

    def action_type(self) -> None:
        def check(text: str) -> str:
            try:
                parse(text)
            except BadShock as wrong:
                return str(wrong)
            return ""

        def given(text: str | None) -> None:
            if text is not None:
                found = parse(text)
                self._deck.take(
                    Shock(found.kind, found.size, found.side, found.duration_s, self.frame.market.symbol)
                )
                self.again()

        self.app.push_screen(Prompt("a shock in words", TYPED, check), given)

    def action_fire(self) -> None:
        self._done(self._fire)

    def action_ask(self) -> None:
        if self._ask is not None:
            self._done(self._ask)

    def _done(self, deed: Deed) -> None:
        shock = self._deck.shock(self.frame)
        self._deck.begins_ns = 0
        self.dismiss(None)
        deed(shock)

    # what is shown

    def titles(self, frame: Frame) -> tuple[str, str]:
        return "shock deck", acts(frame)

    def rows(self, frame: Frame) -> list[Row]:
        palette, deck = self._look.palette, self._deck
        width, height = self.room
        rows: list[Row] = []
        if height >= FULL_HEIGHT:
            rows += [self._kind(frame, place, kind) for place, kind in enumerate(KINDS)]
            rows.append([])
        else:
            place = KINDS.index(deck.kind) + 1
            rows.append(self.field("↑ ↓", "kind", Segment(deck.kind.title, palette.bright),
                                   Segment(f"   {place} of {len(KINDS)}", palette.dim)))  # fmt: skip
        about = wrapped(deck.kind.about, width - 4)
        rows += [[Segment("  " + text, palette.dim)] for text in (*about, "")[:2]]
        rows += self._fields(frame)
        rows += [
            [],
            *([Segment("  " + text, palette.warning)] for text in wrapped(self._sentence(frame), width - 4)),
        ]
        asked = [("w", "what if", "ask")] if self._ask is not None else []
        rows.append(
            self.keys(
                ("enter", "does it", "fire"), *asked, (":", "typed", "type"), ("esc", "closes", "leave")
            )
        )
        return rows

    def _kind(self, frame: Frame, place: int, kind: ShockKind) -> Row:
        palette, chosen = self._look.palette, kind is self._deck.kind
        now = self._look.glyphs.now if chosen else " "
        name = palette.bright if chosen else palette.text
        words = describe(self._deck.shock(frame, kind), _base(frame)).removeprefix(kind.title).strip()
        return [
            self.link(f"{now} {place + 1}  ", palette.title, f"choose({place})"),
            self.link(f"{kind.title:<16}", name, f"choose({place})"),
            self.link(self._look.amount(words), palette.text if chosen else palette.dim, f"choose({place})"),
        ]

    def _fields(self, frame: Frame) -> list[Row]:
        palette, deck = self._look.palette, self._deck
        kind, setting = deck.kind, deck.setting(frame.market.symbol, deck.kind)
        none = [Segment("–", palette.faint)]
        sides = self.options(kind.sides, int(setting.side > 0), "side") if kind.sides[0] else none
        begins = clock(deck.begins_ns, self._look.utc) if deck.begins_ns else "now"
        words = f"{setting.duration_s:g} s" if setting.duration_s else "at once"
        return [
            self.field("tab", "side", *sides),
            self.field("← →", "size", *(self._amount(frame, kind) if kind.unit else none)),
            self.field("[ ]", "for", *self.stepped(words, "duration")),
            self.field("@", "begins", self.link(begins, palette.bright, "begin")),
        ]  # fmt: skip

    def _amount(self, frame: Frame, kind: ShockKind) -> list[Segment]:
        amount = self._deck.size(frame, kind)
        words = {"base": f"{amount:g} {_base(frame)}", "share": f"{amount:.0%}", "factor": f"{amount:g}×"}[
            kind.unit
        ]
        parts = self.stepped(self._look.amount(words), "resize")
        depth = (
            depth_met(frame, self._deck.setting(frame.market.symbol, kind).side)
            if kind.unit == "base"
            else None
        )
        if depth:
            parts.append(Segment(f"  {self._share(frame, amount / depth)}", self._look.palette.dim))
        return parts

    def _share(self, frame: Frame, share: float) -> str:
        """The size beside the depth it meets, which says more than the amount."""
        side = self._deck.setting(frame.market.symbol, self._deck.kind).side
        band, met = frame.market.detail.features.bands[0], "asks" if side > 0 else "bids"
        text = f"{share:.0%}" if share < 10 else f"{share:.3g} times"
        return f"{text} of the {met} within {band_text(band.bps, band.reach_bps, '')}"

    def _sentence(self, frame: Frame) -> str:
        """What enter will do, and where it will act."""
        shock = self._deck.shock(frame)
        begins = f"at {clock(shock.ts, self._look.utc)}" if shock.ts else "now"
        return f"{describe(shock, _base(frame))}, {acts(frame)}, {begins}"


def _base(frame: Frame) -> str:
    market = frame.market
    return clean(market.lines[market.symbol].instrument.base, 10) if market.symbol < len(market.lines) else ""
