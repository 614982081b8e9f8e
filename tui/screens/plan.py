"""Which panel stands where at a given size: one pure function, and the container that follows it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from tui.panels.base import Panel

FULL_WIDTH = 130  # cells: from here on there is a right column
LEFT, RIGHT = (40, 50), (32, 46)  # narrowest and widest, cells
NARROWEST = 34  # of a panel in the row below the centre
LOWEST = 9  # rows of that row
TALL = 34  # rows of the middle: from here on a screen without a right column has two such rows

Places = dict[Panel, Region]


def plan(panels: Sequence[Panel], chosen: Panel | None, solo: bool, size: Size) -> Places:
    """A region for every panel that is to be seen. Together they fill `size` without overlap.

    With `solo` the chosen panel has everything. Otherwise: left column, centre over a row below it, right
    column; a place without panels goes to its neighbours, and from a right column with room to spare the
    row below takes nothing: it gives its last panel to it. Where there is no room for a right column its panels come
    before others of the row below, which is two rows on a tall screen.
    """
    if not panels or not size.width or not size.height:
        return {}
    if solo:
        return {chosen or panels[0]: size.region}
    place: dict[str, list[Panel]] = {
        name: sorted((panel for panel in panels if panel.place == name), key=lambda panel: not panel.eager)
        for name in ("left", "centre", "below", "right")
    }
    left, centre, below, right = place["left"], place["centre"], place["below"], place["right"]
    if size.width >= FULL_WIDTH:
        if len(right) == 1 and len(below) > 1:
            right, below = [*right, below[-1]], below[:-1]
    else:
        below, right = [*below[:1], *right, *below[1:]], []
    rows = 1 if size.width >= FULL_WIDTH or size.height < TALL else 2
    left_width = _share(size.width, 0.29, LEFT) if left and (centre or below or right) else 0
    right_width = _share(size.width, 0.25, RIGHT) if right and (centre or below) else 0
    middle = Region(left_width, 0, size.width - left_width - right_width, size.height)
    if not centre and not below:
        right_width, middle = middle.width + right_width, Region(left_width, 0, 0, size.height)
    places: Places = {}
    places.update(_stack(left, Region(0, 0, left_width or size.width, size.height)))
    places.update(_stack(right, Region(size.width - right_width, 0, right_width, size.height)))
    places.update(_middle(centre, below, rows, chosen, middle))
    return places


def _middle(
    centre: list[Panel], below: list[Panel], rows: int, chosen: Panel | None, region: Region
) -> Places:
    """The centre over rows; of theirs as many as fit side by side, the chosen one always among them."""
    fitting = max(1, region.width // NARROWEST)
    seen = below[: fitting * rows]
    if chosen in below and chosen not in seen and chosen is not None:
        seen[-1] = chosen
    lower = [seen[at : at + fitting] for at in range(0, len(seen), fitting)]
    if not seen:
        return _stack(centre, region)
    height = max(LOWEST * len(lower), region.height * 3 // 10) if centre else region.height
    upper, under = region.split_horizontal(region.height - height)
    places = _stack(centre, upper)
    cuts = [under.height * at // len(lower) for at in range(len(lower) + 1)]
    for row, top, bottom in zip(lower, cuts, cuts[1:], strict=False):
        places.update(_row(row, Region(under.x, under.y + top, under.width, bottom - top)))
    return places


def _share(whole: int, part: float, limits: tuple[int, int]) -> int:
    return min(max(int(whole * part), limits[0]), limits[1])


def _stack(panels: list[Panel], region: Region) -> Places:
    """Panels below each other, the upper ones taller when it does not come out even."""
    cuts = [region.height * i // len(panels) for i in range(len(panels) + 1)] if panels else []
    return {
        panel: Region(region.x, region.y + top, region.width, bottom - top)
        for panel, top, bottom in zip(panels, cuts, cuts[1:], strict=False)
    }


def _row(panels: list[Panel], region: Region) -> Places:
    """Panels side by side."""
    cuts = [region.width * i // len(panels) for i in range(len(panels) + 1)] if panels else []
    return {
        panel: Region(region.x + start, region.y, end - start, region.height)
        for panel, start, end in zip(panels, cuts, cuts[1:], strict=False)
    }


class _Planned(Layout):
    name = "planned"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        places = parent.places if isinstance(parent, Body) else {}
        return [
            WidgetPlacement(places[child], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Panel) and child in places
        ]


class Body(Widget):
    """Holds the panels where the plan puts them. Draws nothing itself, which spares a line's work a line."""

    BLANK = True
    DEFAULT_CSS = "Body { height: 1fr; width: 1fr; background: $background; }"

    def __init__(self, panels: Sequence[Panel]) -> None:
        super().__init__(*panels, id="body")
        self.places: Places = {}
        self._planned = _Planned()

    @property
    def layout(self) -> Layout:
        return self._planned

    def follow(self, places: Places) -> None:
        """Take another plan; panels that are not in it are hidden."""
        self.places = places
        for child in self.children:
            child.display = child in places
        self.refresh(layout=True)
