"""Fetching against a host on loopback: every variant of file, and all that can go wrong on the way."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest

from engine.data.download import TRIES, Downloads
from engine.data.dumps import Dump, checked, days
from engine.data.errors import DataError, NotThere
from engine.data.fetch import Fetched, fetch
from engine.data.files import origin_of, read
from tests.data.dumpsite import Made, Site, made, zipped

DAY = date(2020, 3, 12)
AGG = Dump("spot", "aggTrades", "BTCUSDT", DAY)
MS, US = 1_000_000, 1_000


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def downloads(waits: list[float]) -> Iterator[Downloads]:
    found = Downloads(waits.append, timeout_s=5)
    yield found
    found.close()


def put(site: Site, dump: Dump, content: Made | None = None) -> bytes:
    content = content or made(dump.kind, dump.market, dump.day, header=False, unit_ns=MS, flag="True")
    body = zipped(content.csv, f"{dump.stem}.csv")
    site.put(dump.path, body)
    return body


def run(site: Site, dump: Dump, folder: Path, downloads: Downloads) -> Fetched:
    return fetch(dump, site.url, folder, downloads, lambda here, total: None)


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize(("unit_ns", "flag"), [(MS, "True"), (US, "true"), (MS, "true")])
@pytest.mark.parametrize(
    ("market", "kind"),
    [
        ("spot", "aggTrades"),
        ("usdm", "aggTrades"),
        ("spot", "trades"),
        ("usdm", "trades"),
        ("spot", "klines"),
        ("usdm", "klines"),
        ("usdm", "bookTicker"),
    ],
)
def test_every_variant_gives_the_rows_that_were_meant(
    site: Site,
    tmp_path: Path,
    downloads: Downloads,
    market: str,
    kind: str,
    header: bool,
    unit_ns: int,
    flag: str,
) -> None:
    dump = Dump(market, kind, "BTCUSDT", DAY, "1m" if kind == "klines" else "")
    content = made(kind, market, DAY, header=header, unit_ns=unit_ns, flag=flag)
    body = put(site, dump, content)
    found = run(site, dump, tmp_path, downloads)
    assert found.rows == len(content.rows)
    assert found.mended == []
    table = pyarrow.parquet.read_table(found.path)
    table = table.set_column(0, "ts", table["ts"].cast("int64"))
    assert table.to_pylist() == [{name: row[name] for name in table.column_names} for row in content.rows]
    assert origin_of(found.path).sha256 == hashlib.sha256(body).hexdigest()
    assert [path.name for path in found.path.parent.iterdir()] == [f"{dump.stem}.parquet"]


def test_what_is_there_is_not_fetched_again_unless_it_is_broken(
    site: Site, tmp_path: Path, downloads: Downloads
) -> None:
    put(site, AGG)
    first = run(site, AGG, tmp_path, downloads)
    asked = len(site.asked)
    assert run(site, AGG, tmp_path, downloads).rows is None
    assert len(site.asked) == asked
    first.path.write_bytes(first.path.read_bytes()[:-100])
    assert run(site, AGG, tmp_path, downloads).rows == first.rows


def test_a_wrong_checksum_keeps_nothing(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    body = put(site, AGG)
    site.put(AGG.path, body, sha256="0" * 64)
    with pytest.raises(DataError, match=r"expected sha256 0000000000000000…, found .*nothing of it is kept"):
        run(site, AGG, tmp_path, downloads)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cut_download_is_gone_on_with(
    site: Site, tmp_path: Path, downloads: Downloads, waits: list[float]
) -> None:
    body = put(site, AGG)
    site.cut_after = [1000, 2000]
    assert run(site, AGG, tmp_path, downloads).rows == 400
    assert [asked for path, asked in site.asked if path == AGG.path] == ["", "bytes=1000-", "bytes=3000-"]
    assert len(body) > 3000
    assert len(waits) == 2


def test_a_download_that_was_given_up_is_gone_on_with_by_the_next_run(
    site: Site, tmp_path: Path, downloads: Downloads
) -> None:
    put(site, AGG)
    site.cut_after = [1000] + [0] * TRIES
    with pytest.raises(DataError, match=f"{TRIES} tries in a row brought nothing. What came is kept"):
        run(site, AGG, tmp_path, downloads)
    (part,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert part.stat().st_size == 1000
    site.cut_after, site.asked = [], []
    assert run(site, AGG, tmp_path, downloads).rows == 400
    assert (AGG.path, "bytes=1000-") in site.asked


def test_ctrl_c_leaves_what_came(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    put(site, AGG)

    def interrupt(here: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(AGG, site.url, tmp_path, downloads, interrupt)
    (part,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert part.stat().st_size > 0
    assert run(site, AGG, tmp_path, downloads).rows == 400


def test_a_part_of_an_older_file_is_thrown_away(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    put(site, AGG)
    part = AGG.file(tmp_path).with_name(f"{AGG.stem}.zip.part")
    part.parent.mkdir(parents=True)
    for stale in (b"x" * 500, b"x" * 10**6):  # shorter than the file, and longer
        part.write_bytes(stale)
        assert run(site, AGG, tmp_path, downloads).rows == 400
        AGG.file(tmp_path).unlink()


def test_a_host_without_ranges_sends_it_all_again(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    put(site, AGG)
    site.ranges, site.cut_after = False, [1000]
    assert run(site, AGG, tmp_path, downloads).rows == 400


def test_a_day_that_is_not_there(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    with pytest.raises(
        NotThere, match=r"there are no aggTrades of BTCUSDT on 2020-03-12: 404 from 127\.0\.0\.1"
    ):
        run(site, AGG, tmp_path, downloads)


def test_silence_that_is_asked_for_is_kept(
    site: Site, tmp_path: Path, downloads: Downloads, waits: list[float]
) -> None:
    put(site, AGG)
    site.answers = [(429, {"Retry-After": "7"}), (503, {})]
    assert run(site, AGG, tmp_path, downloads).rows == 400
    assert waits[0] == 7.0
    site.answers = [(429, {"Retry-After": "5000"})]
    with pytest.raises(DataError, match="asks to be left alone for 5000 s"):
        run(site, Dump("spot", "trades", "BTCUSDT", DAY), tmp_path, downloads)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (403, {}, "403: 127.0.0.1:.* refuses this machine or its region"),
        (451, {}, "451: .* set data.url to a mirror"),
        (
            301,
            {"Location": "http://else/"},
            r"found status 301, which points to http://else/; check",
        ),
    ],
)
def test_refusals(
    site: Site, tmp_path: Path, downloads: Downloads, status: int, headers: dict[str, str], said: str
) -> None:
    site.answers = [(status, headers)]
    with pytest.raises(DataError, match=said):
        run(site, AGG, tmp_path, downloads)


def test_without_a_network(tmp_path: Path, downloads: Downloads) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9 cannot be reached: Connection refused"):
        fetch(AGG, "http://127.0.0.1:9", tmp_path, downloads, lambda here, total: None)


def test_what_is_no_zip_or_a_bomb_is_told(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    bomb = zipped(b"1" * 60_000_000)
    lying = bytearray(bomb)
    at = lying.rindex(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (1000).to_bytes(4, "little")  # the size that the directory claims
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "1")
    for body, said in (
        (b"<html>no</html>", r"^BTCUSDT-aggTrades-2020-03-12\.zip is not a sound zip"),
        (bomb, "says that it unpacks to 60,000,000 bytes"),
        (bytes(lying), "is not a sound zip|unpacks to more than"),
        (two.getvalue(), r"expected one CSV in BTCUSDT-aggTrades-2020-03-12\.zip, found 2"),
        (zipped(b"")[:-5], "is not a sound zip"),
        (zipped(b""), "is empty"),
    ):
        site.put(AGG.path, body)
        with pytest.raises(DataError, match=said):
            run(site, AGG, tmp_path, downloads)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_zip_without_its_checksum_is_told_as_that(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    put(site, AGG)
    del site.files[f"{AGG.path}.CHECKSUM"]
    with pytest.raises(
        NotThere, match=r"BTCUSDT-aggTrades-2020-03-12\.zip is there, its \.CHECKSUM is not \(404"
    ):
        run(site, AGG, tmp_path, downloads)
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".parquet")] == []


def test_a_checksum_of_something_else_is_refused(site: Site, tmp_path: Path, downloads: Downloads) -> None:
    put(site, AGG)
    for text in (b"", b"<html>", b"0" * 64 + b"  other.zip", b"\xff\x1b[2J" * 50, b"1" * 5000):
        site.files[f"{AGG.path}.CHECKSUM"] = text
        with pytest.raises(DataError, match=r"expected `<sha256>|more than 4096 bytes") as caught:
            run(site, AGG, tmp_path, downloads)
        assert "\x1b" not in str(caught.value)


def test_a_full_disk_is_told(
    site: Site, tmp_path: Path, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, AGG)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(DataError, match="the disk is full; what came so far is kept"):
        run(site, AGG, tmp_path, downloads)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{AGG.stem}.zip.part"]


def test_which_days_and_kinds_there_are() -> None:
    today = date(2026, 11, 20)
    assert list(days(date(2020, 2, 28), date(2020, 3, 1), today)) == [
        date(2020, 2, 28),
        date(2020, 2, 29),
        date(2020, 3, 1),
    ]
    with pytest.raises(DataError, match="expected a day before 2026-11-20, found 2026-11-20"):
        days(date(2026, 11, 19), today, today)
    with pytest.raises(DataError, match="the dumps begin on 2017-08-17"):
        days(date(2010, 1, 1), date(2010, 1, 1), today)
    with pytest.raises(DataError, match="expected --to on or after"):
        days(date(2020, 1, 2), date(2020, 1, 1), today)
    assert checked("usdm", "klines", "btcusdt_240628") == ("usdm", "klines", "BTCUSDT_240628", "1m")
    for arguments, said in (
        (("spot", "bookTicker", "BTCUSDT"), "add --market usdm"),
        (("spot", "trades", "../../etc"), "expected a symbol such as BTCUSDT"),
        (("spot", "klines", "BTCUSDT", "7m"), "expected an interval among 1s, 1m"),
        (("usdm", "klines", "BTCUSDT", "1s"), "dumped for spot only"),
    ):
        with pytest.raises(DataError, match=said):
            checked(*arguments)


def test_a_file_of_others_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path)
    with pytest.raises(DataError, match="was not made by `microtui data fetch`"):
        read(path)
    path.write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(path)
    with pytest.raises(DataError, match="there is no file"):
        read(tmp_path / "none.parquet")
