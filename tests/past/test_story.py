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


DAY = "[[days]]\ndate = 2021-05-19T00:00:00+00:00\nfear_greed = 1\ncomments = 1\n"
OUTAGE = """[[events]]
at = 2021-05-19T13:40:00Z
until = 2021-05-19T13:45:00Z
kind = "outage"
venue = "lead"
low = 91.0
high = 91.5
text = "lead is down again"
"""


def stretch(begins: str, ends: str, bps: float = 40.0, source: int = 1) -> str:
    return f"""[[deviations]]
venue = "lead"
begins = 2021-05-19T{begins}:00Z
ends = 2021-05-19T{ends}:00Z
bps = {bps}
source = {source}
[recipe]"""


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
        (
            "2021-05-19 13 | 103",
            "2021-05-19 15 | 103",
            "19 15 | 103",
            "expected the hour 2021-05-19 13, the story's next, found 2021-05-19 15",
        ),
        (
            "2021-05-19 13 | 103 109 90 95 9 | 103.1 110 91 96.5 4000\n",
            "",
            "19 12 | 100",
            "expected the 2 hours from begins to ends, found 1: none is 2021-05-19 13",
        ),
        (
            "91 96.5 4000\n",
            "91 96.5 4000\n2021-05-19 14 | 95 96 94 95 9 | 96.5 97 96 96 4000\n",
            "19 14 | 95",
            "expected no hour behind the story's end, found 2021-05-19 14",
        ),
        ("104 97 103 2.5", "104 97 103 much", "103 much", "expected a number below 1e+12, found 'much'"),
        ("12:20 | lead", "12:20 | nobody", "12:20 | nobody", "expected one of lead, second, found 'nobody'"),
        (
            "close | 98.5",
            "close | 96.5",
            "close | 96.5",
            "expected a price inside its hour's bar, 97 to 104, found close 96.5",
        ),
        ("low | 90 ", "low | 91 ", "low | 91 ", "expected the hour's own low of 90, found low 91"),
        ("98.5 | 1", "98.5 | 2", "98.5 | 2", "expected a source from 0 (the author) to 1, found '2'"),
        (
            "12:20",
            "half past",
            "half past",
            "expected a time such as 2020-03-12 09:30, found '2021-05-19 half past'",
        ),
        ("| 10 | -9", "| 0 | -9", "| 0 | -9", "expected 1 to 1440 whole minutes, found '0'"),
        ('volume = "quote_millions"', 'volume = "tons"', '"tons"', "expected base or quote_millions"),
        (
            'tick_size = "0.05"',
            'tick_size = "0"',
            'tick_size = "0"',
            "tick_size expected a positive decimal such as",
        ),
        (
            'lot_size = "0.01"',
            'lot_size = "half"',
            '"half"',
            "lot_size expected a positive decimal such as 0.01",
        ),
        ("depth = 5000.0", "depth = -1.0", "depth = -1.0", "expected 0.001 to 1e+09, found -1"),
        ("depth = 5000.0", "death = 1.0", "death = 1.0", "unknown field `death`: is depth meant? known are"),
        ("seed = 7", "sed = 7", "sed = 7", "unknown field `sed`: is seed meant? known are begins, ends"),
        ("spread_size =", "spread_sise =", "spread_sise", "is spread_size meant?"),
        ('name = "second"', 'name = "lead"', 'name = "lead"\nsymbol = "XUSDT"', "names of their own"),
        ('kind = "replay"\n', "", "about =", "expected kind = 'replay', found no kind"),
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
        ("12 | 100 104", "12 | 100 1e30", "12 | 100", "expected a number below 1e+12, found '1e30'"),
        ("12 | 100 104", "12 | 1e9 104", "12 | 1e9", "expected an open near its hour's prices"),
        ("12 | 100 104", "12 | 100 1040", "12 | 100", "high of lead less than 10 times the low, found 1040"),
        (
            "12 | 100 104 97 103",
            "12 | 1e11 1e11 1e11 1e11",
            "12 | 1e11",
            "expected prices of lead from 5 to 5e+07, found 1e+11",
        ),
        ("95 9 |", "95 9e9 |", "95 9e9", "expected a volume of lead from 0.00109 to 1.09e+08"),
        ("98.5 | 1", "1e30 | 1", "1e30", "expected a number below 1e+12, found '1e30'"),
        ("seed = 7", "speed = 1e30", "speed =", "expected 0.25 to 1024, found 1e+30"),
        (
            "ends = 2021-05-19T13:13:00Z",
            "ends = 2021-05-19T13:13:00Z\nspeed = nan",
            "speed = nan",
            "found nan",
        ),
        (
            'lot_size = "0.01"',
            'lot_size = "0.01"\ntaker_fee_bps = 1e30',
            "taker_fee",
            "expected -100 to 1000",
        ),
        ("[recipe]", "[agents]\nmaker = 1000000\n[recipe]", "[agents]", "at most 10000 agents"),
        ("12 | 100 104", "12 | 92 104", "12 | 92", "hour's prices, at most 2% outside 97 to 104, found 92"),
        ("13 | 103 109", "13 | 103 109.02", "13 | 103", "of lead in ticks of 0.05, found 109.02"),
        ("close | 98.5 ", "close | 98.52 ", "98.52", "of lead in ticks of 0.05, found 98.52"),
        ("low = 91.0", "low = 91.01", "low = 91.01", "91.01 is not a multiple of the step 0.05"),
        ("| 10 | -9", "| 2.5 | -9", "| 2.5", "expected 1 to 1440 whole minutes, found '2.5'"),
        (
            "13:14 | lead",
            "14:00 | lead",
            "14:00 | lead",
            "inside the story, found 10 that end with 2021-05-19 14:00",
        ),
        ("| 10 | -9", "| 90 | -9", "| 90 | -9", "expected minutes inside the story, found 90"),
        ("-9 | 1\n", "9 | 1 | worst\n", "| worst", "expected a fall as the worst of all, found 9 %"),
        ("| 10 | -9", "| 10 | -60", "| -60", "allow, -17.43 to +21.11 %, found -60 %"),
        ('text = "something happens"', 'text = " "', 'text = " "', "expected some words, found none"),
        ('symbol = "XUSDT"', 'symbol = "XUSDT"\nkind = "perp-ish"', "perp", "spot, linear or inverse"),
        (
            'gives = "all of it"',
            'gives = "all of it"\nurl = "javascript:1"',
            "url =",
            "expected http:// or https://, found 'javascript:1'",
        ),
        (
            "[recipe]",
            "[recipe]\nspread_least_bps = 900.0",
            "_least",
            "at most spread_most_bps, 800, found 900",
        ),
        (
            "date = 2021-05-19T00",
            "date = 2021-05-19T12",
            "date =",
            "expected midnight UTC of a day of the story",
        ),
        ("date = 2021-05-19", "date = 2021-05-21", "date =", "expected midnight UTC of a day of the story"),
        ("comments = 2400\nsource = 1", "comments = 2400\nsource = 7", "source = 7", "to 1, found 7"),
        ("[recipe]", f"{DAY}[recipe]", "date = 2021-05-19T00:00:00+00:00", "each day once, found 2021-05-19"),
        ("[recipe]", f"{OUTAGE}[recipe]", "at = 2021-05-19T13:40", "one outage of lead in an hour"),
        ("[recipe]", stretch("13:30", "14:00"), "begins = 2021-05-19T13:30", "expected a whole hour"),
        ("[recipe]", stretch("11:00", "13:00"), "begins = 2021-05-19T11:00", "a stretch inside the story"),
        ("[recipe]", stretch("13:00", "14:00", -90.0), "bps =", "expected 0.1 to 1000, found -90"),
        ("[recipe]", stretch("13:00", "14:00", source=7), "source = 7", "to 1, found 7"),
        (
            "[recipe]",
            stretch("12:00", "14:00").removesuffix("[recipe]") + stretch("13:00", "14:00"),
            "begins = 2021-05-19T13:00",
            "expected stretches that do not overlap",
        ),
    ],
)
def test_a_fault_is_told_its_line(old: str, new: str, at: str, said: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    with pytest.raises(BadStory) as error:
        parse(text, "x.toml")
    line = 1 + text[: text.index(at)].count("\n")
    assert str(error.value).startswith(f"x.toml:{line}: ")
    assert said in str(error.value)


def test_a_long_text_hides_no_line_behind_it() -> None:
    """Lines of tables look like keys and tables of TOML to whoever does not know where they end."""
    text = TEXT.replace(
        'about = "two hours"', 'about = """\nseed = 9\n[[venues]]\n"""\nrecorded = [\n  "[x]",\n]'
    )
    with pytest.raises(
        BadStory, match=f"x.toml:{text[: text.index('seed = 7')].count(chr(10)) + 1}: the file: "
    ):
        parse(text.replace("seed = 7", "sead = 7"), "x.toml")
    at = text[: text.index('lot_size = "0.001"')].count("\n") + 1
    with pytest.raises(BadStory, match=rf"x.toml:{at}: venues\[1\].lot_size expected a positive"):
        parse(text.replace('lot_size = "0.001"', 'lot_size = "-1"'), "x.toml")


def test_an_empty_file_and_one_from_windows(tmp_path: Path) -> None:
    with pytest.raises(BadStory, match=r"x\.toml:1: expected kind = 'replay', found no kind"):
        parse("", "x.toml")
    path = tmp_path / "two.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert is_story(path)
    assert read(path) == two_hours()


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
