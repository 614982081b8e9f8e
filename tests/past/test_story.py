"""Story files: those that ship can be read, and a wrong one is told its line and what would be right."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.past.source import PastSource
from engine.past.story import BadStory, is_story, parse, read
from tests.past.stories import TEXT, two_hours

REPLAYS = Path(__file__).parents[2] / "replays"


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_promised_ones_ship() -> None:
    march, calm = read(REPLAYS / "march2020.toml"), read(REPLAYS / "calm2020.toml")
    assert (march.name, calm.name) == ("march2020", "calm")
    assert len(march.bars) == 2 * 48
    assert march.note == "reconstructed book around recorded prices"
    assert march.recorded
    assert march.reconstructed
    assert all(event.source for event in march.events)


def test_the_example_of_the_documents_is_a_story() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (REPLAYS.parent / "docs" / "replays.md").read_text(), re.S)
    story = parse(example, "docs/replays.md")
    assert (story.names, len(story.bars), len(story.events)) == (("lead", "second"), 4, 2)
    assert next(PastSource(story).made()).ends_at_tick


def test_simulated_scenarios_are_no_stories() -> None:
    found = {path.stem for path in REPLAYS.glob("*.toml") if is_story(path)}
    assert found == {"march2020", "calm2020"}


def test_an_open_outside_its_bar_is_clipped_into_it() -> None:
    bars = read(REPLAYS / "march2020.toml").bars
    five = datetime(2020, 3, 13, 5, tzinfo=UTC).timestamp() * 1e9
    bitmex = next(bar for bar in bars if bar.venue == 0 and bar.start_ns == five)
    assert (bitmex.open, bitmex.low) == (4323.0, 4323.0)


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ('kind = "replay"', 'kind = "film"', 'kind = "film"', "expected kind = 'replay', found 'film'"),
        ("12 | 100 104", "12 | 100 96", "12 | 100 96", "expected 0 < low <= close <= high and a volume"),
        (" | 100.5 104.2 97.5 103.1 900", "", "2021-05-19 12 |", "expected 2 groups behind the hour"),
        ("2021-05-19 13 | 103", "2021-05-19 15 | 103", "hours =", "expected the 2 hours from begins to ends"),
        ("104 97 103 2.5", "104 97 103 much", "103 much", "expected a number, found 'much'"),
        ("12:20 | lead", "12:20 | nobody", "12:20 | nobody", "expected one of lead, second, found 'nobody'"),
        (
            "close | 98.5",
            "close | 96.5",
            "path =",
            "expected a price inside its hour's bar, found close 96.5",
        ),
        ("low | 90 ", "low | 91 ", "path =", "expected the hour's own low of 90, found low 91"),
        ("98.5 | 1", "98.5 | 2", "98.5 | 2", "expected a source from 0 (the author) to 1, found '2'"),
        (
            "12:20",
            "half past",
            "half past",
            "expected a time such as 2020-03-12 09:30, found '2021-05-19 half past'",
        ),
        ("| 10 | -9", "| 0 | -9", "| 0 | -9", "expected 1 to 1440 minutes, found '0'"),
        ('volume = "quote_millions"', 'volume = "tons"', '"tons"', "expected base or quote_millions"),
        ('tick_size = "0.05"', 'tick_size = "0"', 'tick_size = "0"', "a step is a positive decimal"),
        ("depth = 5000.0", "depth = -1.0", "depth = -1.0", "expected 0.001 to 1e+09, found -1"),
        ("depth = 5000.0", "death = 1.0", "[recipe]", "unknown field `death`"),
        (
            "until = 2021-05-19T13:25",
            "until = 2021-05-19T13:17",
            "until =",
            "expected an outage with its venue",
        ),
        (
            "ends = 2021-05-19T13:13",
            "ends = 2021-05-19T13:03",
            "begins = 2021-05-19T13:10",
            "chapters in order",
        ),
        ("begins = 2021-05-19T12:00:00Z", "begins = 2021-05-19T12:00:00", "begins =", "whole seconds of UTC"),
        ("seed = 7", 'name = "../../x"', 'name = "../../x"', "expected up to 60 letters, digits"),
        ("seed = 7", 'name = "*"', 'name = "*"', "expected up to 60 letters, digits"),
        ('about = "two hours"', r'about = "\u001b[2J"', "about =", "without control characters"),
        ('text = "lead is down"', r'text = "\u202edown"', r"\u202edown", "without control characters"),
        ("fear_greed = 12", "fear_greed = 101", "fear_greed =", "expected 0 to 100, found 101"),
        ("comments = 2400", "comments = 9000000000", "comments =", "expected 0 to 1000000"),
        ("[recipe]", "[agents]\nmaker = 1000000\n[recipe]", "[agents]", "at most 10000 agents"),
    ],
)
def test_a_fault_is_told_its_line(old: str, new: str, at: str, said: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    with pytest.raises(BadStory) as error:
        parse(text, "x.toml")
    assert str(error.value).startswith(f"x.toml:{line_of(text, at)}: ")
    assert said in str(error.value)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadStory, match="cannot be read"):
        read(tmp_path / "none.toml")
    with pytest.raises(BadStory, match="not valid TOML"):
        parse("kind = ", "x.toml")


def test_the_hash_follows_all_that_is_told() -> None:
    story = two_hours()
    assert story.hash == two_hours().hash
    changed = (("fear_greed = 12", "fear_greed = 13"), ("98.5", "98.6"), ("5000.0", "5001.0"), ("900", "901"))
    hashes = {parse(TEXT.replace(old, new, 1), "two.toml", "two").hash for old, new in changed}
    assert len(hashes | {story.hash}) == 5
