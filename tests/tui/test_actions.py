"""The registry of actions: unique keys, remapping, and what is made from it."""

from pathlib import Path

import frames
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.actions import ACTIONS, BY_ID, bindings, markdown_table, offered, remap, shown


def test_ids_and_default_keys_are_used_once() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(BY_ID) == len(ACTIONS)
    assert sorted(set(keys)) == sorted(keys)


def test_every_key_of_the_screen_is_there() -> None:
    printed = {shown(key) for action in ACTIONS for key in action.keys}
    asked = (
        "1 2 3 4 5 6 7 8 z space [ ] , . ← → ⇧← ⇧→ g n N m h c r t e + - i tab / End u b f ? q enter : ctrl+p"
    )
    assert set(asked.split()) <= printed


def test_remap_takes_a_printed_key() -> None:
    actions, problems = remap({"zoom": "Z", "help": "F1,?"})
    assert (actions["zoom"].key, actions["help"].key) == ("Z", "f1,question_mark")
    assert problems == []


def test_swapping_two_keys_is_allowed() -> None:
    actions, problems = remap({"zoom": "f", "freeze": "z"})
    assert (actions["zoom"].key, actions["freeze"].key) == ("f", "z")
    assert problems == []


def test_unknown_id_is_named_with_its_nearest() -> None:
    actions, problems = remap({"zom": "x"})
    assert actions == BY_ID
    assert problems == ["keys: expected an action's id, found 'zom'; did you mean 'zoom'?"]


def test_a_key_used_twice_is_refused_and_the_default_stays() -> None:
    actions, problems = remap({"zoom": "f"})
    assert actions["zoom"].key == "z"
    assert problems == ["keys: f is used by 'zoom' and 'freeze'; 'zoom' keeps its default"]


@example({"focus_2": "0", "focus_3": "n", "next_mark": "0"})  # one refusal brings about another
@given(st.dictionaries(st.sampled_from([*BY_ID, "nonsense"]), st.text(max_size=6), max_size=6))
def test_whatever_is_remapped_every_key_does_one_thing(keys: dict[str, str]) -> None:
    actions, problems = remap(keys)
    used = [key for action in actions.values() for key in action.keys]
    assert len(set(used)) == len(used)
    assert set(actions) == set(BY_ID)
    changed = {name for name, action in actions.items() if action.key != BY_ID[name].key}
    assert changed <= set(keys)
    if any(name not in BY_ID or not key.strip() for name, key in keys.items()):
        assert problems


def test_bindings_carry_the_ids() -> None:
    assert {binding.id for binding in bindings()} == set(BY_ID)


@pytest.mark.parametrize(
    ("accepts", "there", "absent"),
    [
        (frames.LIVE, {"mark", "record", "back"}, {"pause", "slower", "step"}),
        (frames.REPLAY, {"pause", "slower", "step", "back", "now"}, {"record", "mark"}),
        (frozenset(), {"zoom", "quit", "theme"}, {"back", "mark", "pause", "now"}),
    ],
)
def test_only_what_the_source_accepts_is_offered(
    accepts: frozenset[str], there: set[str], absent: set[str]
) -> None:
    ids = {action.id for action in offered(ACTIONS, accepts)}
    assert there <= ids
    assert not absent & ids


def test_the_documentation_has_a_row_an_action() -> None:
    rows = markdown_table().splitlines()[2:]
    assert len(rows) == len(ACTIONS)
    assert "| `:` `ctrl+p` | command palette | `palette` |" in rows


def test_the_documentation_is_made_from_the_registry() -> None:
    assert markdown_table() in (Path(__file__).parents[2] / "docs" / "keys.md").read_text("utf-8")


@pytest.mark.parametrize(
    "key", ["Z", "ctrl+k", "f5", "F12", "shift+tab", "alt+ctrl+x", "é", "semicolon", "ctrl+at", "pageup"]
)
def test_a_key_that_a_terminal_can_send_is_taken(key: str) -> None:
    actions, problems = remap({"zoom": key})
    assert problems == []
    assert actions["zoom"].key in (key, key.lower())


@pytest.mark.parametrize(
    "key", ["zz", "ctr+k", "ctrl+", "f99", "hyper-x", "pgup", "ctrl+ctrl", "nonsense", "\x07"]
)
def test_a_key_that_is_none_is_refused_by_its_name(key: str) -> None:
    actions, problems = remap({"zoom": key})
    assert actions["zoom"].key == "z"
    assert problems == [f"keys: expected a key for 'zoom' such as 'z', 'f5' or 'ctrl+z', found {key!r}"]
