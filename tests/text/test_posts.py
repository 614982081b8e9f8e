"""From items to notes: nothing twice, nothing dated wrong, and no name of anybody."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feeds.text_health import Count
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_pages import Item
from engine.feeds.text_posts import Posts

S = 1_000_000_000
NOW = 1_795_000_000 * S
OPTIONS = TextOptions(ids_kept=50)


def item(number: int = 1, written_ns: int | None = NOW, text: str = "hello", **changes: object) -> Item:
    return Item(f"t3_{number}", "reddit:CryptoCurrency", written_ns, "alice", text)._replace(**changes)


def taken(items: list[Item], posts: Posts | None = None, first: bool = False, age_s: int = 3600):
    count = Count("reddit")
    posts = posts or Posts(OPTIONS, b"key")
    return posts.take(items, NOW, NOW - age_s * S, count, first), count


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.none() | st.integers(-8000, 8000)), max_size=30), st.booleans()
)
def test_what_is_taken_is_new_young_and_in_order(told: list[tuple[int, int | None]], first: bool):
    items = [item(n, None if age is None else NOW + age * S) for n, age in told]
    found, count = taken(items, first=first)
    # The same by a dict: the first word of each id counts.
    expected: dict[str, int] = {}
    for one in items:
        expected.setdefault(one.id, -1 if one.written_ns is None and first else one.written_ns or NOW)
    young = {key: min(at, NOW) for key, at in expected.items() if at >= NOW - 3600 * S}
    assert {post.id: post.ts_event for post in found} == young
    assert [post.ts_event for post in found] == sorted(young.values())
    assert count.posts == len(young)
    assert count.posts + count.ignored == len(items)
    assert count.malformed == sum(at > NOW + 120 * S for at in expected.values())


def test_an_id_is_remembered_between_answers_and_by_site():
    posts = Posts(OPTIONS, b"key")
    assert len(taken([item(1), item(2)], posts)[0]) == 2
    many = [item(n, source="news:desk", id=f"news:{n}") for n in range(500)]
    taken(many, posts)  # a site with many ids does not make us forget another's
    found, count = taken([item(2), item(3)], posts)
    assert ([post.id for post in found], count.ignored) == (["t3_3"], 1)


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_text_is_one_clean_bounded_line(text: str):
    for post in taken([item(text=text)])[0]:
        assert 0 < len(post.text) <= 500
        assert post.text == " ".join(post.text.split())
        assert not {unicodedata.category(sign) for sign in post.text} & {"Cc", "Cf", "Cs", "Co", "Cn"}


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u202e", "\x00\x1b"])
def test_a_text_of_nothing_is_no_post(text: str):
    found, count = taken([item(text=text)])
    assert (found, count.ignored) == ([], 1)


def test_names_never_leave_and_the_same_author_has_the_same_hash():
    posts = Posts(OPTIONS, b"key")
    texts = [
        "as /u/Alice said",
        "u/alice, look",
        "ask (/u/alice)",
        "menu/alice stays",
        "https://reddit.com/user/Alice/x",
    ]
    found, _ = taken([item(n, text=text) for n, text in enumerate(texts)], posts)
    assert [post.text for post in found] == [
        "as u/… said",
        "u/…, look",
        "ask (u/…)",
        "menu/alice stays",
        "https://u/…/x",
    ]
    assert len({post.author for post in found}) == 1
    assert "alice" not in found[0].author
    upper, other, none, elsewhere = (
        taken([one], Posts(OPTIONS, b"key"))[0][0].author
        for one in (
            item(author="ALICE"),
            item(author="bob"),
            item(author=""),
            item(author="alice", source="news:desk"),
        )
    )
    assert upper == found[0].author
    assert len({upper, other, none, elsewhere}) == 4
    assert none == ""
    assert taken([item()], Posts(OPTIONS, b"another key"))[0][0].author != upper


def test_assets_are_those_of_the_text_else_those_of_the_place():
    found, _ = taken(
        [
            item(1, text="ETH or SOL token?", source="reddit:Bitcoin"),
            item(2, text="what a day", source="reddit:Bitcoin"),
            item(3, text="what a day"),
        ]
    )
    assert [post.assets for post in found] == [("ETH", "SOL"), ("BTC",), ()]


def test_keys_are_not_shown():
    keys = RedditKeys("the-id", "the-secret")
    options = TextOptions(keys=keys)
    for shown in (repr(keys), str(keys), f"{options}", repr([keys]), f"{keys!r}"):
        assert "the-" not in shown
