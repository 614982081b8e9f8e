"""Tables and pictures: where they go, and what is said of it."""

from pathlib import Path

import frames
import pytest
from stage import stage


async def test_exports_are_chosen_and_their_errors_told() -> None:
    def broken() -> str:
        raise OSError("disk [bold]full[/bold]")

    exporters = {"csv": lambda: "wrote 12 rows to x.csv", "parquet": broken}
    async with stage(frames.live, exporters=exporters) as (it, pilot):
        await it.press(pilot, "e", "enter")
        await it.app.workers.wait_for_complete()
        await it.settle(pilot)
        assert "wrote 12 rows to x.csv" in it.text()
        await it.press(pilot, "e", *"parq", "enter")
        await it.app.workers.wait_for_complete()
        await it.settle(pilot)
        assert "export parquet failed: disk [bold]full[/bold]" in " ".join(it.text().split())


async def test_a_picture_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "e", "enter")
    name, text = _only_file(tmp_path)
    assert name.startswith("microtui-BTCUSDT-")
    assert "<svg" in text[:200]


async def test_a_picture_goes_to_the_folder_for_exports_and_says_where(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "exports"
    async with stage(frames.live, export_folder=folder) as (it, pilot):
        await it.press(pilot, "e", "enter")
        name, _ = _only_file(folder)
        assert f"picture written to {folder / name}" in it.toasts
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with stage(frames.live, export_folder=blocked / "exports") as (it, pilot):
        await it.press(pilot, "e", "enter")
        assert f"the picture could not be written to {blocked / 'exports'}: Not a directory" in it.toasts


def _only_file(folder: Path) -> tuple[str, str]:
    (file,) = folder.iterdir()
    return file.name, file.read_text()
