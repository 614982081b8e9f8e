"""Theme files: ours are readable and legible, broken ones are named and skipped."""

from itertools import pairwise
from pathlib import Path

import frames
import pytest
from rich.color import Color, ColorSystem
from stage import THEMES, Stage

from engine.frame.chart import HEAT_LEVELS
from tui.colour import is_hex, mix, ramp
from tui.theme import COLOURS, DEFAULT_THEME, FALLBACK, BrokenTheme, Palette, Theme, load_themes, read_theme

OURS, FAULTS = load_themes([THEMES])
GOOD = (THEMES / "midnight.toml").read_text("utf-8")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_six_themes_or_more_and_none_broken() -> None:
    assert FAULTS == []
    assert {"midnight", "daylight", "okabe", "contrast", "amber"} < set(OURS)
    assert len(OURS) >= 6


def test_the_built_in_colours_are_the_default_themes() -> None:
    assert OURS[DEFAULT_THEME] == FALLBACK
    assert OURS[DEFAULT_THEME].colours == FALLBACK.colours


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_words_can_be_read(theme: Theme) -> None:
    """WCAG 2.1: 4.5 for text that carries meaning; 3 for labels, which stand beside a bright value."""
    panel = theme.colours["panel"]
    for name in ("text", "bid", "ask", "accent", "warning", "doubt", "own"):
        assert contrast(theme.colours[name], panel) >= 4.5, name
        assert contrast(theme.colours[name], theme.colours["ground"]) >= 4.5, name
    assert contrast(theme.colours["dim"], panel) >= 3


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_heat_goes_one_way_and_no_two_levels_look_alike(theme: Theme) -> None:
    assert len(theme.heat) == HEAT_LEVELS + 1
    light = [luminance(colour) ** (1 / 3) for colour in theme.heat]
    steps = [b - a for a, b in pairwise(light)]
    assert all(step > 0.01 for step in steps) or all(step < -0.01 for step in steps)
    assert mix(theme.heat[0], theme.colours["panel"], 0.5) == theme.colours["panel"]


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_sides_differ_in_hue_or_brightness(theme: Theme) -> None:
    bid, ask = theme.colours["bid"], theme.colours["ask"]
    channels = [abs(int(bid[i : i + 2], 16) - int(ask[i : i + 2], 16)) for i in (1, 3, 5)]
    assert max(channels) >= 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dark = ", "expected TOML, found"),
        ("dark = true", "expected a table [colours], found none"),
        (GOOD.replace('bid = "#3ecf8e"\n', ""), "expected the colours bid, found none of that name"),
        (GOOD.replace("#3ecf8e", "green"), "expected bid as #rrggbb, found 'green'"),
        (GOOD.replace('"#3ecf8e"', "7"), "expected bid as #rrggbb, found 7"),
        (GOOD.replace('"#0d1219", "#12324a", "#1f7a8c", ', ""), "expected heat as two or more colours"),
        (GOOD.replace("[colours]", "[colours]\nglow = '#ffffff'"), "found 'glow'"),
        (GOOD.replace("dark = true", "dark = 'yes'"), "expected dark as true or false, found 'yes'"),
        ("\x1b[31m = 1", "expected TOML, found"),
    ],
)
def test_a_broken_file_says_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BrokenTheme) as broken:
        read_theme(path)
    assert said in str(broken.value)
    assert "\x1b" not in str(broken.value)


def test_a_broken_file_is_named_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "midnight.toml").write_text(GOOD.replace("#3ecf8e", "#00ff00"), "utf-8")
    themes, problems = load_themes([THEMES, tmp_path, tmp_path / "absent"])
    assert problems == ["theme bad.toml skipped: expected UTF-8 text, found other bytes"]
    assert themes["midnight"].colours["bid"] == "#00ff00"
    assert set(themes) == set(OURS)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "themes").write_text("")
    themes, problems = load_themes([tmp_path / "themes"])
    assert themes == {}
    assert len(problems) == 1
    assert "cannot be read: Not a directory" in problems[0]


def test_a_ramp_has_even_steps_and_its_ends() -> None:
    colours = ramp(["#000000", "#ffffff"], 5)
    assert (colours[0], colours[-1]) == ("#000000", "#ffffff")
    # Of greys, OKLab's lightness is the cube root of luminance.
    light = [luminance(colour) ** (1 / 3) for colour in colours]
    assert [round(value, 2) for value in light] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert all(is_hex(colour) for colour in colours)


def test_every_style_stands_on_the_panel() -> None:
    palette = Palette(FALLBACK)
    for name in (
        "text",
        "bright",
        "dim",
        "faint",
        "bid",
        "ask",
        "accent",
        "warning",
        "doubt",
        "own",
        "border",
    ):
        colour = getattr(palette, name).bgcolor
        assert colour is not None
        assert colour.name == FALLBACK.colours["panel"]
    assert palette.heat_pair(3, 4) is palette.heat_pair(3, 4)
    assert set(FALLBACK.colours) == set(COLOURS)


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_sixteen_colours_keep_sides_apart_frames_visible_and_heat_in_order(theme: Theme) -> None:
    def number(colour: Color | None) -> int | None:
        assert colour is not None
        return colour.downgrade(ColorSystem.STANDARD).number

    palette = Palette(theme, sixteen=True)
    ground = number(palette.text.bgcolor)
    assert number(palette.bid.color) != number(palette.ask.color)
    for style in (palette.text, palette.dim, palette.border, palette.bid, palette.ask, palette.warning):
        assert number(style.color) != ground
    heat = [number(Color.parse(colour)) for colour in palette.heat_colours]
    assert heat[0] == ground
    assert [a for a, b in pairwise([*heat, None]) if a != b] == (
        [0, 4, 6, 11] if theme.dark else [15, 6, 4, 0]
    )


@pytest.mark.parametrize(
    ("term", "colorterm", "sixteen"),
    [("xterm-256color", "truecolor", False), ("xterm-256color", "", False), ("xterm", "", True)],
)
def test_the_terminal_says_how_many_colours_it_has(
    term: str, colorterm: str, sixteen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    app = Stage(frames.live).app
    assert (app.look.palette.heat_colours[6] == "#00aaaa") == sixteen
