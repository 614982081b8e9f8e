"""Monte-Carlo dropout: the same texts under several thinned networks, whose disagreement is the model's own doubt.

A pass is one thinned network: which features each Dropout leaves out is drawn once, from a seed, and holds for every
text and every position (Gal & Ghahramani 2016, "Dropout as a Bayesian Approximation", section 3: a draw is of the
weights' rows). So a text has the same doubt alone and in any batch, and the draws are made once, not for every batch.

Only modules of the Dropout kind are touched, by hooks; the network stays in its evaluation mode, and with it whatever
else training would switch on. Attention drops its weights by a function rather than a module and therefore does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

ROWS_AT_ONCE = 32  # texts times passes in the full network
AT_ONCE = 1 << 23  # numbers that the encoder's answer, repeated for the passes, may have: 32 MB


class Dropout:
    """The thinned networks of one classifier, a `transformers` model for sequence classification in eval mode."""

    def __init__(self, model: nn.Module, *, passes: int, seed: int, full: bool) -> None:
        self._model = model
        self._body_name = str(getattr(model, "base_model_prefix", ""))
        body = getattr(model, self._body_name, None)
        if not isinstance(body, nn.Module):
            raise ValueError(f"expected a model with an encoder and a head, found {type(model).__name__}")
        self._body, self._full = body, full
        self._passes, self._seed = passes, seed
        inside = set(body.modules())
        self._thinned = [
            module
            for module in model.modules()
            if isinstance(module, _DropoutNd) and module.p > 0 and (full or module not in inside)
        ]
        self._masks: dict[tuple[int, int, int], Tensor] = {}

    @property
    def any(self) -> bool:
        """Whether there is something to leave out. A network without dropout knows nothing of its own doubt."""
        return bool(self._thinned)

    def logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """Logits of each pass, shape (passes, texts, classes). `inputs` are the tokenizer's, shape (texts, …)."""
        return self._through_all(inputs) if self._full else self._through_head(inputs)

    def _through_all(self, inputs: dict[str, Tensor]) -> Tensor:
        step = max(1, ROWS_AT_ONCE // len(next(iter(inputs.values()))))
        parts = []
        for first in range(0, self._passes, step):
            last = min(first + step, self._passes)
            again = {name: _repeated(value, last - first) for name, value in inputs.items()}
            parts.append(self._pass(again, first, last))
        return torch.cat(parts)

    def _through_head(self, inputs: dict[str, Tensor]) -> Tensor:
        body = self._body(**inputs, return_dict=True)
        known = {name: value for name, value in body.items() if isinstance(value, Tensor)}
        step = max(1, AT_ONCE // max(1, sum(value.numel() for value in known.values())))
        parts = []
        for first in range(0, self._passes, step):
            last = min(first + step, self._passes)
            again = {name: _repeated(value, last - first) for name, value in known.items()}
            inside = {name: _repeated(value, last - first) for name, value in inputs.items()}
            with self._remembering(type(body)(**again)):
                parts.append(self._pass(inside, first, last))
        return torch.cat(parts)

    def _pass(self, inputs: dict[str, Tensor], first: int, last: int) -> Tensor:
        """Passes first … last - 1 at once; the rows of `inputs` are those of each pass, one after the other."""
        with self._hooked(first, last):
            logits: Tensor = self._model(**inputs).logits
        return logits.view(last - first, -1, logits.shape[-1])

    @contextmanager
    def _hooked(self, first: int, last: int) -> Iterator[None]:
        calls = [0] * len(self._thinned)

        def hook(at: int) -> Any:
            def thin(module: nn.Module, _: Any, found: Tensor) -> Tensor:
                mask = self._mask(at, calls[at], found)[first:last]
                calls[at] += 1
                apart = found.view(last - first, -1, *found.shape[1:])
                return (apart * mask.view(last - first, *[1] * (apart.ndim - 2), -1)).view(found.shape)

            return thin

        with ExitStack() as hooks:
            for at, module in enumerate(self._thinned):
                hooks.callback(module.register_forward_hook(hook(at)).remove)
            yield

    def _mask(self, at: int, call: int, like: Tensor) -> Tensor:
        """What module `at` leaves out when it is called for the `call`-th time in a pass: (passes, features)."""
        key = (at, call, like.shape[-1])
        if key not in self._masks:
            keep = 1.0 - float(self._thinned[at].p)
            rng = torch.Generator().manual_seed((self._seed * 1_000_003 + at) * 101 + call)
            kept = torch.rand(self._passes, like.shape[-1], generator=rng) < keep
            self._masks[key] = (kept / keep if keep else kept * 0.0).to(like.device, like.dtype)
        return self._masks[key]

    @contextmanager
    def _remembering(self, output: Any) -> Iterator[None]:
        """The encoder's place is taken by what it said."""
        setattr(self._model, self._body_name, _Remembered(output))
        try:
            yield
        finally:
            setattr(self._model, self._body_name, self._body)


class _Remembered(nn.Module):
    def __init__(self, output: Any) -> None:
        super().__init__()
        self._output = output

    def forward(self, *_: Any, **__: Any) -> Any:
        return self._output


def _repeated(value: Tensor, times: int) -> Tensor:
    """The rows of `value` again and again. Of one row no copy is made."""
    return value.expand(times, *value.shape).reshape(-1, *value.shape[1:])
