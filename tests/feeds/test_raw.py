"""Raw capture: every byte comes back, nobody waits for the disk, and what is lost is said."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds import raw
from engine.feeds.errors import FeedError, Refused
from engine.feeds.network import Reply, Socket
from engine.feeds.raw import RawMessage, decode, encode, raw_messages, without_secrets
from engine.feeds.raw_network import RawNetwork
from engine.feeds.raw_writer import RawWriter

START = 1_700_000_000_000_000_000
MESSAGES = st.builds(
    RawMessage,
    st.integers(raw.EARLIEST_NS, raw.LATEST_NS),
    st.integers(0, 2**62),
    st.integers(0, 2**31),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(raw.DIRECTIONS),
    st.binary(max_size=60) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    st.sampled_from(["", "binance", "kraken"]),
    st.integers(0, 599),
)


def message(number: int = 0, data: bytes = b"{}", kind: str = raw.IN) -> RawMessage:
    return RawMessage(START + number, number, 1, "wss://x/stream", kind, data, "binance")


@given(MESSAGES)
def test_a_line_is_plain_json_and_brings_every_byte_back(told: RawMessage) -> None:
    line = encode(told)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == told
    found = json.loads(line)
    assert (found["recv_ns"], found["mono_ns"], found["conn"], found["url"], found["dir"]) == told[:5]
    if "base64" not in found:
        assert found.get("data", "").encode() == told.data


@given(MESSAGES, st.integers(1, 9))
def test_a_long_message_in_parts_is_the_same_line(told: RawMessage, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw, "PART", part)
        assert b"".join(raw.encode_parts(told)) == encode(told)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_sentence(line: bytes) -> None:
    try:
        decode(line)
    except ValueError as error:
        assert str(error).startswith("expected")  # noqa: PT017


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dir": "up"}, "expected dir to be one of open, close"),
        ({"recv_ns": 5}, "expected recv_ns in ns since 1970, found 5"),
        ({"base64": "???"}, "expected base64"),
        ({"conn": "one"}, "expected a line of a raw capture"),
    ],
)
def test_a_line_that_is_none_says_what_was_expected(change: dict[str, object], said: str) -> None:
    line = json.dumps(json.loads(encode(message())) | change)
    with pytest.raises(ValueError, match=said):
        decode(line.encode())


def test_names_passwords_and_keys_in_an_address_are_not_kept() -> None:
    assert without_secrets("wss://me:secret@host:9/stream?listenKey=abc&streams=a@b&c") == (
        "wss://host:9/stream?listenKey=hidden&streams=a@b&c"
    )
    assert without_secrets("wss://me:secret@[host/x?key=secret") == "[host/x"


@given(st.text(max_size=30))
def test_any_text_can_be_shown_as_an_address(text: str) -> None:
    assert "secret" not in without_secrets(f"wss://me:secret@host/{text.replace('secret', '')}")


def test_what_is_put_is_in_the_file_in_its_order(tmp_path: Path) -> None:
    said: list[str] = []
    writer = RawWriter(tmp_path / "a.jsonl.zst", said.append)
    told = [message(n, os.urandom(n % 40)) for n in range(5000)]
    for one in told:
        writer.put(one)
    writer.close()
    assert list(raw_messages(writer.path)) == told
    assert (writer.written, writer.lost, said) == (5000, 0, [])
    writer.put(message())
    assert writer.written == 5000


@pytest.mark.parametrize("pack", [gzip.compress, bytes, zstandard.ZstdCompressor().compress])
def test_the_same_lines_packed_by_others_are_read_too(tmp_path: Path, pack: object) -> None:
    told = [message(n) for n in range(3)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(pack(b"\n".join(map(encode, told))))  # type: ignore[operator]
    assert list(raw_messages(path)) == told


def test_a_capture_never_overwrites_and_says_what_its_name_must_be(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b"mine")
    with pytest.raises(FeedError, match="is there already, and a capture never overwrites"):
        RawWriter(path, print)
    with pytest.raises(
        FeedError, match=r"expected a raw capture's name to end in \.jsonl\.zst, found a\.json"
    ):
        RawWriter(tmp_path / "a.json", print)
    with pytest.raises(FeedError, match="cannot be written: No such file"):
        RawWriter(tmp_path / "none" / "a.jsonl.zst", print)
    assert path.read_bytes() == b"mine"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RawMessage]]:
    """One capture in many small packets, as flushes make them."""
    path = tmp_path_factory.mktemp("raw") / "whole.jsonl.zst"
    told = [message(n, b'{"a":%d}' % n) for n in range(200)]
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for one in told:
            packed.write(encode(one))
            packed.flush(zstandard.FLUSH_BLOCK)
    return path, told


@given(st.integers(0, 10**6))
def test_wherever_a_capture_is_cut_off_its_whole_lines_are_read(
    whole: tuple[Path, list[RawMessage]], cut: int
) -> None:
    path, told = whole
    data = path.read_bytes()
    part = path.with_name("part.jsonl.zst")
    part.write_bytes(data[: cut % (len(data) + 1)])
    found = list(raw_messages(part))
    assert found == told[: len(found)]
    assert len(found) >= len(told) * (part.stat().st_size - 100) // len(data) - 2


def test_a_killed_program_loses_no_more_than_a_second(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from engine.feeds.raw import RawMessage\nfrom engine.feeds.raw_writer import RawWriter\n"
        "writer = RawWriter(Path(sys.argv[1]), print)\n"
        "while True:\n"
        "    now = time.time_ns()\n"
        "    writer.put(RawMessage(now, now, 1, 'wss://x', 'in', b'{}'))\n"
        "    print(now, flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    path = tmp_path / "a.jsonl.zst"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = int(child.stdout.readline())
        last = first
        while last < first + 1_500_000_000:
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    kept = [one.recv_ns for one in raw_messages(path)]
    assert kept[0] == first
    assert last - kept[-1] < 1_000_000_000


def test_damage_in_the_middle_is_told_with_its_place(
    tmp_path: Path, whole: tuple[Path, list[RawMessage]]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(encode(message()) + b'{"not": "ours"}\n' + encode(message()))
    with pytest.raises(FeedError, match=r"a\.jsonl, line 2: expected a line of a raw capture"):
        list(raw_messages(path))
    with pytest.raises(FeedError, match="there is no file"):
        list(raw_messages(tmp_path / "none"))
    packed = bytearray(whole[0].read_bytes())
    packed[40:60] = bytes(20)
    path.write_bytes(packed)
    with pytest.raises(FeedError, match=r"a\.jsonl cannot be read"):
        list(raw_messages(path))


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(FeedError, match="line 1: longer than 1,000 bytes"):
        list(raw_messages(path))


def test_messages_that_come_too_fast_are_counted_told_and_marked(tmp_path: Path) -> None:
    said: list[str] = []
    writer = RawWriter(tmp_path / "a.jsonl.zst", said.append, max_queued_bytes=10_000)
    for n in range(400):
        writer.put(message(n, b"x" * 100))
    assert writer.lost > 0
    deadline = time.monotonic() + 5
    while writer.written < 400 - writer.lost and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.put(message(1000, b"later"))
    writer.close()
    found = list(raw_messages(writer.path))
    marks = [one for one in found if one.dir == raw.LOST]
    assert [one.data for one in marks] == [b"%d messages, %d bytes" % (writer.lost, writer.lost * 100)]
    assert found[-1].data == b"later"
    assert len(found) - 1 == writer.written == 401 - writer.lost
    assert said == ["raw capture: messages come faster than a.jsonl.zst can be written"]


def test_a_full_disk_ends_the_capture_once_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def flush(self) -> None: ...

    said: list[str] = []
    monkeypatch.setattr("engine.feeds.raw_writer._created", lambda path: Full())
    writer = RawWriter(tmp_path / "a.jsonl.zst", said.append)
    deadline = time.monotonic() + 5
    while not writer.ended and time.monotonic() < deadline:
        writer.put(message(0, os.urandom(100_000)))
        time.sleep(0.02)
    for n in range(100):
        writer.put(message(n))
    writer.close()
    assert writer.reason == "No space left on device"
    assert said == ["raw capture ended: a.jsonl.zst: No space left on device; the session goes on without it"]


class _Clock:
    def now(self) -> int:
        return START

    async def sleep(self, seconds: float) -> None: ...


class _Net:
    """A network whose socket says two things and breaks."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.sent: list[bytes] = []

    async def connect(self, url: str) -> Socket:
        if self.refuses:
            raise Refused("418: go away")
        net = self

        class One:
            def __init__(self) -> None:
                self.left = [b"hello", b"\xff\x00"]

            async def receive(self) -> bytes:
                if not self.left:
                    raise Refused("the connection broke")
                return self.left.pop(0)

            async def send(self, text: bytes) -> None:
                net.sent.append(text)

            async def close(self) -> None: ...

        return One()

    async def get(self, url: str) -> Reply:
        if self.refuses:
            raise Refused("cannot be reached")
        return Reply(429, {"retry-after": "7"}, b"slow down")

    async def close(self) -> None: ...


def test_everything_on_the_wire_is_told_and_goes_through_unchanged(tmp_path: Path) -> None:
    writer = RawWriter(tmp_path / "a.jsonl.zst", print)
    net = _Net()

    async def run() -> None:
        network = RawNetwork(net, writer, _Clock(), "kraken")
        assert await network.get("https://me:x@h/depth?limit=5") == Reply(
            429, {"retry-after": "7"}, b"slow down"
        )
        socket = await network.connect("wss://h/v2")
        await socket.send(b"subscribe")
        assert [await socket.receive(), await socket.receive()] == [b"hello", b"\xff\x00"]
        with pytest.raises(Refused, match="the connection broke"):
            await socket.receive()
        await socket.close()
        other = await network.connect("wss://h/v2")
        await other.close()
        net.refuses = True
        with pytest.raises(Refused):
            await network.connect("wss://h/v2")
        with pytest.raises(Refused):
            await network.get("https://h/time")

    asyncio.run(run())
    writer.close()
    assert net.sent == [b"subscribe"]
    told = [(one.dir, one.conn, one.data, one.status) for one in raw_messages(writer.path)]
    assert told == [
        ("ask", 0, b"", 0),
        ("rest", 0, b"slow down", 429),
        ("open", 1, b"", 0),
        ("out", 1, b"subscribe", 0),
        ("in", 1, b"hello", 0),
        ("in", 1, b"\xff\x00", 0),
        ("close", 1, b"the connection broke", 0),
        ("open", 2, b"", 0),
        ("close", 2, b"closed by us", 0),
        ("refused", 3, b"418: go away", 0),
        ("ask", 0, b"", 0),
        ("refused", 0, b"cannot be reached", 0),
    ]
    lines = list(raw_messages(writer.path))
    assert {(one.venue, one.recv_ns) for one in lines} == {("kraken", START)}
    assert lines[0].url == "https://h/depth?limit=5"
    assert [one.mono_ns for one in lines] == sorted(one.mono_ns for one in lines)
