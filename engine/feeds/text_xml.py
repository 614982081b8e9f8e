"""Atom and RSS as strangers send them: entries out of XML, within bounds, and nothing expanded.

Expat itself is driven here. A parser of feeds from a library takes 65 ms for a hundred posts, which the
engine's thread would wait for; this takes about three. A document that declares entities, nests deeper than
any feed does, or holds more than any feed does is refused; of one that breaks off, the entries that were whole
are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from engine.feeds.text_plain import MAX_MARKUP
from engine.text import clean

MAX_DEPTH = 100
MAX_ELEMENTS = 20_000
MAX_ENTRIES = 500

_NAMESPACES = (
    "",  # RSS 2.0
    "http://www.w3.org/2005/Atom",
    "http://purl.org/rss/1.0/",
    "http://purl.org/rss/1.0/modules/content/",
    "http://purl.org/dc/elements/1.1/",
)
# What an entry's children are called by Atom, RSS 2.0, RSS 1.0 and Dublin Core -> ours.
_FIELDS = {
    "id": "id",
    "guid": "id",
    "title": "title",
    "summary": "summary",
    "description": "summary",
    "content": "body",
    "encoded": "body",
    "creator": "author",
    "author": "author",
    "published": "published",
    "pubDate": "published",
    "date": "published",
    "updated": "updated",
    "link": "link",
}


@dataclass(slots=True)
class Entry:
    """One entry's fields as they stand in the document, by our names; `category` is the first term."""

    fields: dict[str, str] = field(default_factory=dict)
    category: str = ""

    def get(self, name: str) -> str:
        return self.fields.get(name, "").strip()


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. `fault` says in words what was wrong with the rest, if anything was."""

    entries: tuple[Entry, ...]
    fault: str = ""


class _Refused(Exception):
    pass


def read_entries(body: bytes) -> Document:
    """The entries of an Atom, RSS 2.0 or RSS 1.0 document. Raises nothing, whatever the bytes."""
    reader = _Reader()
    try:
        fault = reader.read(body)
    except (expat.ExpatError, _Refused, ValueError, LookupError) as error:
        fault = clean(str(error), 100)
    return Document(tuple(reader.entries), fault)


class _Reader:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._path: list[str] = []  # local names of the open elements
        self._entry: Entry | None = None
        self._entry_depth = 0
        self._elements = 0
        self._parts: list[str] | None = None  # of the field that is open
        self._size = 0
        self._field = ""
        self._root = ""

    def read(self, body: bytes) -> str:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._declared
        parser.Parse(body, True)
        if self._root not in ("feed", "rss", "RDF"):
            return f"expected an Atom or RSS document, found <{clean(self._root, 40)}>"
        return ""

    def _declared(self, *_: object) -> None:
        raise _Refused("the document declares entities, which no feed needs")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        space, _, local = name.rpartition(" ")
        self._path.append(local)
        depth = len(self._path)
        self._root = self._root or local
        if depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise _Refused(f"the document is larger than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels")
        if self._parts is not None:
            self._parts.append(" ")  # XHTML's paragraphs are words apart
        if self._entry is None:
            if local in ("entry", "item") and space in _NAMESPACES:
                if len(self.entries) >= MAX_ENTRIES:
                    raise _Refused(f"the document has more than {MAX_ENTRIES} entries")
                self._entry, self._entry_depth = Entry(), depth
            return
        if depth != self._entry_depth + 1 or space not in _NAMESPACES:
            return
        if local == "category" and not self._entry.category:
            self._entry.category = attributes.get("term", "")[:100]
        elif local == "link" and "href" in attributes:
            if attributes.get("rel", "alternate") == "alternate":
                self._entry.fields.setdefault("link", attributes["href"][:2000])
        elif local in _FIELDS and _FIELDS[local] not in self._entry.fields:
            self._parts, self._size, self._field = [], 0, _FIELDS[local]

    def _text(self, text: str) -> None:
        if self._parts is None or self._size > MAX_MARKUP:
            return
        # Atom's author is a structure: only its name is the author's.
        if self._field == "author" and len(self._path) > self._entry_depth + 1 and self._path[-1] != "name":
            return
        self._parts.append(text)
        self._size += len(text)

    def _end(self, _: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._entry is None:
            return
        if depth == self._entry_depth:
            self.entries.append(self._entry)
            self._entry = None
        elif depth == self._entry_depth + 1 and self._parts is not None:
            self._entry.fields[self._field] = "".join(self._parts)[:MAX_MARKUP]
            self._parts = None
