"""Near copies are found and different posts are not taken for each other; held against slow twins."""

from __future__ import annotations

import random
import re
from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from engine.feeds.fake_text_site import MadeUpText
from engine.sentiment.duplicates import LEAST_WORDS, NEAR_BITS, WINDOW_NS, NearDuplicates, SeenIds, simhash

latin = st.text("abc de fgh!,1 ", max_size=80)
NOW = 1_795_000_000 * 10**9


def slow_simhash(text: str) -> int | None:
    """Bit by bit, for text in Latin letters."""
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    if sum(w.isalnum() for w in words) < LEAST_WORDS:
        return None
    features = set(words) | {f"{words[i]} {words[i + 1]}" for i in range(len(words) - 1)}
    hashes = [int.from_bytes(blake2b(f.encode(), digest_size=8).digest(), "big") for f in features]
    return sum(1 << bit for bit in range(64) if sum(h >> bit & 1 for h in hashes) * 2 > len(hashes))


@settings(deadline=None)
@given(latin)
def test_the_hash_is_its_slow_twins(text: str):
    assert simhash(text) == slow_simhash(text)


class Copies(RuleBasedStateMachine):
    """A ring of sixteen beside a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.near = NearDuplicates(limit=16)
        self.all: list[tuple[int, int]] = []
        self.now = NOW

    @rule(
        text=st.sampled_from(["one two three four five six", "one two three four five seven"]) | latin,
        passed_s=st.sampled_from([0, 60, 3600, 40_000]),
    )
    def say(self, text: str, passed_s: int) -> None:
        self.now += passed_s * 10**9
        found = slow_simhash(text)
        copies = 0
        if found is not None:
            recent = [h for h, at in self.all[-16:] if at > self.now - WINDOW_NS]
            copies = sum((h ^ found).bit_count() <= NEAR_BITS for h in recent)
            self.all.append((found, self.now))
        assert self.near.copies(text, self.now) == copies


Copies.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestCopies = Copies.TestCase


def changed(text: str, rng: random.Random) -> str:
    """One word in twelve is replaced."""
    words = text.split()
    for _ in range(max(1, len(words) // 12)):
        words[rng.randrange(len(words))] = rng.choice(["free", "today", "now", "big"])
    return " ".join(words)


POSTS = [
    "I moved everything to a hardware wallet last year and never looked back, sleep is worth more than yield",
    "The funding rate went negative again while open interest keeps climbing, somebody is going to be squeezed",
    "Claim your free airdrop now, only today, link in my profile, do not miss this one my friends!!!",
    "Does anyone know why withdrawals take two hours today? Support answers with the same template every time",
    "Miners sold more than they produced for the third month, yet the price held, which tells you who buys",
    "My accountant says staking rewards are income when they arrive, is that the same in your country too?",
]


def test_most_near_copies_are_found_and_no_different_post_is_taken_for_one():
    rng = random.Random(4)
    found = 0
    for text in POSTS:
        near = NearDuplicates()
        assert [near.copies(other, NOW) for other in POSTS if other != text] == [0] * (len(POSTS) - 1)
        assert near.copies(text, NOW) == 0
        found += sum(near.copies(changed(text, rng), NOW) > 0 for _ in range(20))
    assert found >= 0.7 * 20 * len(POSTS)


def test_spam_of_the_fake_site_is_seen_and_a_link_makes_no_difference():
    near = NearDuplicates()
    people = MadeUpText(seed=2, rate_hz=1.0, bots=1.0)
    people.advance(400, NOW)
    spam = [post for posts in people.posts.values() for post in posts if "airdrop" in post.title]
    copies = [near.copies(post.title, NOW) for post in spam]
    assert sum(count > 0 for count in copies) > 0.9 * len(copies) > 100
    first = near.copies("look at this wonderful new coin https://a.example/1", NOW)
    assert (first, near.copies("look at this wonderful new coin https://b.example/2", NOW)) == (0, 1)


def test_short_shouts_are_nobodys_copy_and_scripts_without_spaces_are_words():
    near = NearDuplicates()
    assert [near.copies("to the moon 🚀🚀", NOW) for _ in range(3)] == [0, 0, 0]
    assert [near.copies("比特币要涨了大家快买", NOW) for _ in range(3)] == [0, 1, 2]


def test_a_day_later_it_is_no_copy():
    near = NearDuplicates()
    near.copies(POSTS[0], NOW)
    assert near.copies(POSTS[0], NOW + WINDOW_NS - 1) == 1
    assert NearDuplicates().copies(POSTS[0], NOW) == 0
    near = NearDuplicates()
    near.copies(POSTS[0], NOW)
    assert near.copies(POSTS[0], NOW + WINDOW_NS) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=60))
def test_ids_are_known_while_they_are_among_the_newest(keys: list[int]):
    seen = SeenIds(4)
    order: list[int] = []
    for key in keys:
        assert seen.add(str(key)) == (key in order)
        order = [*(k for k in order if k != key), key][-4:]
