"""Documents of strangers: read as an independent parser reads them, within bounds, and never an exception."""

from __future__ import annotations

import html
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from html.parser import HTMLParser
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feeds import text_xml
from engine.feeds.fake_text_site import MadeUpText, Written, atom, index, rss
from engine.feeds.text_pages import read_fear_greed, read_news, read_subreddit
from engine.feeds.text_plain import plain, when_ns
from engine.feeds.text_xml import read_entries

NOW = 1_795_000_000 * 10**9
ATOM = "{http://www.w3.org/2005/Atom}"

printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60)
moments = st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)).map(lambda m: m.replace(microsecond=0))


def written(number: int = 1, title: str = "a title", text: str = "", author: str = "alice") -> Written:
    return Written(number, "Bitcoin", author, title, text, NOW)


@settings(deadline=None)
@given(st.lists(st.tuples(printable, printable), max_size=4))
def test_titles_and_texts_are_those_that_another_parser_finds(pairs: list[tuple[str, str]]):
    body = atom("Bitcoin", [written(n, title, text) for n, (title, text) in enumerate(pairs, 1)])
    expected = [
        (e.findtext(f"{ATOM}id"), e.findtext(f"{ATOM}title"), e.findtext(f"{ATOM}content"))
        for e in ElementTree.fromstring(body).iter(f"{ATOM}entry")  # noqa: S314
    ]
    document = read_entries(body)
    found = [(e.fields["id"], e.fields["title"], e.fields["body"]) for e in document.entries]
    assert found == expected
    assert document.fault == ""


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(body: bytes):
    assert read_entries(body).entries == ()
    assert read_subreddit(body).items == ()
    assert read_news(body, "desk").items == ()
    assert read_fear_greed(body).items == ()


@settings(deadline=None)
@given(st.data())
def test_no_damage_raises_and_what_was_whole_before_it_is_kept(data: st.DataObject):
    bodies = (atom("Bitcoin", [written(n) for n in range(1, 6)]), rss([written(n) for n in range(1, 6)]))
    body = bytearray(data.draw(st.sampled_from(bodies)))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    ends = b"</entry>" if b"</entry>" in body else b"</item>"
    found = read_entries(bytes(body)).entries
    assert len(found) >= bytes(body[:at]).count(ends)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "no element found"),
        (b"<html><body>hello</body></html>", "expected an Atom or RSS document, found <html>"),
        (b'<!DOCTYPE feed [<!ENTITY a "lol">]><feed/>', "the document declares entities"),
        (
            b'<!DOCTYPE feed [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><feed/>',
            "the document declares entities",
        ),
        (b"<feed>" * 200, "the document is larger than"),
        (b"<feed>" + b"<a/>" * 30_000, "the document is larger than"),
        (b"<rss>" + b"<item/>" * 600, "the document has more than 500 entries"),
        (b"<?xml version='1.0' encoding='utf-7'?><rss/>", ""),
        (b"<?xml version='1.0' encoding='nonsense'?><rss/>", "unknown encoding"),
    ],
)
def test_what_is_refused_and_why(body: bytes, fault: str):
    assert fault in read_entries(body).fault


def test_a_system_entity_is_never_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    body = f'<!DOCTYPE rss SYSTEM "{secret}"><rss><item><title>a&x;b</title></item></rss>'.encode()
    document = read_entries(body)
    assert [entry.get("title") for entry in document.entries] == ["ab"]


def test_the_time_that_a_hostile_document_takes_is_bounded():
    text = "<![CDATA[" + "<!--" * 300_000 + "]]>"
    body = f"<rss><item><guid>1</guid><title>{text}</title><description>{'&lt;' * 200_000}</description></item></rss>"
    began = time.process_time()
    page = read_news(body.encode(), "desk")
    assert time.process_time() - began < 1.0  # it takes a hundredth of that; quadratic searches took minutes
    assert len(page.items) == 1


def test_other_vocabularies_do_not_take_the_place_of_title_and_text():
    body = b"""<rss xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/">
    <channel><title>the channel</title><item><media:title>a picture</media:title><title>the title</title>
    <media:description>of a cat</media:description><description>the &lt;b&gt;text&lt;/b&gt;</description>
    <dc:creator>Jane Roe</dc:creator><guid>1</guid><pubDate>Fri, 20 Nov 2026 09:00:00 +0100</pubDate></item>
    </channel></rss>"""
    (item,) = read_news(body, "desk").items
    assert (item.text, item.author, item.source) == ("the title. the text", "Jane Roe", "news:desk")
    assert item.written_ns == int(datetime(2026, 11, 20, 8, tzinfo=UTC).timestamp()) * 10**9


def test_rss_1_and_atom_with_xhtml_are_read_too():
    rdf = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><item><title>one</title><link>https://a/1</link>
    <dc:date>2026-11-20T09:00:00Z</dc:date></item></rdf:RDF>"""
    (item,) = read_news(rdf, "desk").items
    assert (item.text, item.written_ns) == (
        "one",
        int(datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp()) * 10**9,
    )
    xhtml = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id><title>two</title>
    <author><name>Ann</name><email>ann@example.org</email></author>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>first</p><p>second</p></div></content>
    </entry></feed>"""
    (item,) = read_news(xhtml, "desk").items
    assert (item.text, item.author, item.written_ns) == ("two. first second", "Ann", None)


def test_a_subreddit_gives_title_text_author_and_time_and_nothing_around_them():
    post = written(36**4, "Is it <over>?", "Yes & no", "some_body")
    (item,) = read_subreddit(atom("Bitcoin", [post])).items
    assert item.id == "t3_10000"
    assert (item.source, item.author, item.written_ns) == ("reddit:Bitcoin", "some_body", NOW)
    assert item.text == "Is it <over>? Yes & no"
    (item,) = read_subreddit(atom("Bitcoin", [written(1, "a picture")])).items
    assert item.text == "a picture"  # no "submitted by /u/alice [link]"


@pytest.mark.parametrize("broken", ["t3_UPPER", "t5_abc", "https://x/", "", "t3_" + "1" * 20])
def test_an_entry_without_a_reddit_id_is_counted_and_left_out(broken: str):
    body = atom("Bitcoin", [written(1), written(2)]).replace(b"<id>t3_1</id>", f"<id>{broken}</id>".encode())
    page = read_subreddit(body)
    assert ([item.id for item in page.items], page.malformed) == (["t3_2"], 1)


def test_an_article_keeps_its_id_and_another_has_another():
    first = read_news(rss([written(1), written(2)]), "desk").items
    again = read_news(rss([written(2), written(1)]), "desk").items
    other = read_news(rss([written(1)]), "another").items
    assert [item.id for item in first] == [item.id for item in reversed(again)]
    assert len({item.id for item in (*first, *other)}) == 3
    assert read_news(b"<rss><item><pubDate>now</pubDate></item></rss>", "desk") == ((), 1, "")


def test_the_index_is_read_and_what_is_no_figure_is_left_out():
    page = read_fear_greed(index(3, NOW))
    midnights = [NOW // 10**9 // 86_400 * 86_400 - 86_400 * day for day in range(3)]
    assert [item.written_ns for item in page.items] == [at * 10**9 for at in midnights]
    assert all(0 <= (item.score or 0) <= 100 for item in page.items)
    odd = b"""{"data":[{"value":"101","value_classification":"x","timestamp":"1"},
    {"value":"-1","value_classification":"x","timestamp":"1"},
    {"value":"50","value_classification":"Neutral","timestamp":"soon"},
    {"value":"50","value_classification":"Neutral","timestamp":"1795000000"}]}"""
    page = read_fear_greed(odd)
    assert [(item.score, item.text) for item in page.items] == [
        (50, "Crypto Fear & Greed Index: 50, Neutral")
    ]
    assert page.malformed == 3
    assert "expected the index as JSON" in read_fear_greed(b'{"data":[{"value":50}]}').fault


class _Words(HTMLParser):
    """The slow twin of `plain`."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag, attrs):
        self._hidden += tag in ("script", "style")
        self.parts.append(" ")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style")
        self.parts.append(" ")

    def handle_comment(self, data):
        self.parts.append(" ")

    def handle_data(self, data):
        if not self._hidden:
            self.parts.append(data)


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\x85\xa0"), max_size=20
)
pieces = st.one_of(
    words.map(lambda w: html.escape(w)),
    words.map(lambda w: f'<p class="x">{html.escape(w)}</p>'),
    words.map(lambda w: f'<a href="https://x/">{html.escape(w)}</a><br/>'),
    words.map(lambda w: f"<!-- {html.escape(w).replace('-', '')} -->"),
    st.just("<script>alert(1)</script>"),
)


@settings(deadline=None)
@given(st.lists(pieces, max_size=8).map("".join))
def test_plain_finds_the_words_that_an_html_parser_finds(markup: str):
    twin = _Words()
    twin.feed(markup)
    twin.close()
    assert plain(markup) == " ".join("".join(twin.parts).split())


def test_plain_leaves_comparisons_and_hearts_alone_and_ends_at_what_is_never_closed():
    assert plain("1 < 2 and 3 > 2, I <3 it") == "1 < 2 and 3 > 2, I <3 it"
    assert plain("before <!-- never closed <b>x</b>") == "before"
    assert plain("&lt;b&gt; is a tag") == "<b> is a tag"


@settings(deadline=None)
@given(moments, st.integers(-12, 14))
def test_both_ways_of_writing_a_date_give_its_moment(moment: datetime, hours: int):
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    expected = int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9
    assert when_ns(aware.isoformat()) == expected
    assert when_ns(format_datetime(aware)) == expected


def test_a_date_without_a_zone_is_in_utc():
    assert (
        when_ns("2026-11-20T10:00:00") == when_ns("2026-11-20T10:00:00Z") == when_ns("20 Nov 2026 10:00:00")
    )


@settings(deadline=None)
@given(st.text(max_size=80))
def test_what_is_no_date_is_missing_and_raises_nothing(text: str):
    found = when_ns(text)
    assert found is None or found >= 946_684_800 * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "1999-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00", "20"])
def test_dates_that_are_none(text: str):
    assert when_ns(text) is None


def test_a_made_up_day_is_read_back_whole():
    people = MadeUpText(seed=3, rate_hz=1.0)
    for second in range(0, 3600, 60):
        people.advance(60, NOW + second * 10**9)
    for place, posts in people.posts.items():
        if place != "news":
            page = read_subreddit(atom(place, posts))
            assert [(i.id, i.author, i.text) for i in page.items] == [
                (p.fullname, p.author, p.title) for p in posts
            ]
            assert page.fault == ""
    assert sum(len(posts) for posts in people.posts.values()) > 1000


def test_the_bounds_are_above_what_real_feeds_hold():
    posts = [written(n, "t", escape("word " * 2000)) for n in range(1, 101)]
    page = read_subreddit(atom("Bitcoin", posts))
    assert len(page.items) == 100
    assert page.fault == ""
    assert text_xml.MAX_ENTRIES > 100
