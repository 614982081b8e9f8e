"""Where keys stand in a TOML file: against files whose lines are counted as they are written."""

from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.toml_lines import line_in, line_of, lines_of

# Values over one line and several, with all that looks like a key, a table or an end of something in them.
VALUES = (
    "7",
    "2020-03-12T00:00:00Z",
    '"a = 1 # [x] \\" ]"',
    "'it = \"so\" ['",
    '"""\nseed = 9\n[[venues]]\n# "\n"""',
    "'''a\nb = 2'''",
    '[\n  "x]", # [ \'\n  [1, 2],\n]',
    "{ a = 1, b = [2] }",
    '"""one line"""',
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A file, and the line of each of its keys."""
    lines: list[str] = []
    known: dict[str, int] = {}

    def keys(prefix: str) -> None:
        for name in draw(st.lists(st.sampled_from(["seed", "name", "at-s", "k_2"]), unique=True)):
            lines.extend(draw(st.sampled_from([[], [""], ["# seed = 3"], ["  # [venues]"]])))
            known[f"{prefix}{name}"] = len(lines) + 1
            spaces, value = draw(st.sampled_from(["=", " = ", "  =\t"])), draw(st.sampled_from(VALUES))
            lines.extend(f"{name}{spaces}{value}  # said".split("\n"))

    keys("")
    for table in draw(st.lists(st.sampled_from(["recipe", "agents.maker"]), unique=True)):
        lines.append(f"[{table}]  # of it")
        known[table] = len(lines)
        keys(f"{table}.")
    for number in range(draw(st.integers(0, 3))):
        lines.append(draw(st.sampled_from(["[[venues]]", "[[ venues ]] # one"])))
        known[f"venues[{number}]"] = known["venues"] = len(lines)
        keys(f"venues[{number}].")
    return "\n".join(lines) + "\n", known


@given(files())
@settings(max_examples=200, deadline=None)
def test_every_key_has_its_line(file: tuple[str, dict[str, int]]) -> None:
    text, known = file
    tomllib.loads(text)
    assert lines_of(text) == known
    for key, line in known.items():
        assert line_of("x.toml", text, key) == f"x.toml:{line}"
        assert line_of("x.toml", text, f"{key}.nothing") == f"x.toml:{line}"


def test_a_line_of_a_text_is_counted_from_where_it_begins() -> None:
    text = 'a = 1\nhours = \'\'\'\none\ntwo\'\'\'\npath = """one\ntwo"""\nfacts = "one"\n'
    told = {key: tomllib.loads(text)[key].split("\n") for key in ("hours", "path", "facts")}
    for key, lines in told.items():
        for number, line in enumerate(lines):
            at = int(line_in("x.toml", text, key, number).removeprefix("x.toml:"))
            assert line in text.split("\n")[at - 1]


def test_what_stands_nowhere_is_on_the_first_line() -> None:
    assert line_of("x.toml", "", "kind") == "x.toml:1"
    assert line_of("x.toml", "a = 1\n[b]\n", "c[2].d") == "x.toml:1"
