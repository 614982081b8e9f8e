"""What is known of a recording besides its file: where it will end while it is still made, and its proper pace.

A reconstruction is played while it is built behind the viewer, and most of its hours are quiet: whoever made it says
at which speed each part is worth watching.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """`paces` are (session time from which it holds, speed), ascending; the first holds before its time too.

    `end` is the session time of the last tick once all is there. `marks` are (ts, kind) that will come; `note` and
    `about` are sentences for the screen.
    """

    end: int
    paces: tuple[tuple[int, float], ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    note: str = ""
    about: tuple[str, ...] = ()

    def speed_at(self, ts: int) -> float:
        """The proposed speed at session time `ts`; 1 where nothing is proposed."""
        at = bisect_right(self.paces, ts, key=lambda pace: pace[0])
        return self.paces[max(0, at - 1)][1] if self.paces else 1.0
