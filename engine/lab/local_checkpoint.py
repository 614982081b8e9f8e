"""Where a training stood: weights, the optimiser's memory and progress in one safetensors file, whole or not at all.

No pickle: a checkpoint is data, and one that belongs to another recipe or other data is refused.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.lab.labelled import BadData


class Progress(msgspec.Struct):
    """How far it is. `best` is the lowest validation loss so far, and `worse` the epochs since then."""

    epoch: int = 0
    step: int = 0  # steps of the epoch that are done
    best: float | None = None
    worse: int = 0
    history: list[float] = []  # validation loss after each epoch


def save(
    path: Path,
    identity: str,
    progress: Progress,
    model: nn.Module,
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for at, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{at}.{name}": value for name, value in memory.items()}
    metadata = {"identity": identity, "progress": msgspec.json.encode(progress).decode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        # Clones: weights that share memory, as some models' do, are refused otherwise.
        save_file({name: value.detach().cpu().clone() for name, value in tensors.items()}, fresh, metadata)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def restore(
    path: Path, identity: str, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Progress and the best weights so far, after model and optimiser have been set back; None without a file.

    Raises BadData for a file that is none, or of another training.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("identity") != identity:
                raise BadData(
                    f"{path}: expected where this training stood, found another recipe's, base's or other data's; "
                    "delete it, or train into another folder"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
        progress = msgspec.json.decode(metadata["progress"], type=Progress)
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        raise BadData(f"{path}: expected where a training stood, found: {error}; delete it") from None
    model.load_state_dict(_below(tensors, "model."))
    memory: dict[int, dict[str, Tensor]] = {}
    for name, value in _below(tensors, "optimizer.").items():
        at, _, what = name.partition(".")
        memory.setdefault(int(at), {})[what] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": memory})
    return progress, _below(tensors, "best.")


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
