"""What may be said about tier 1, the local model. Light: the process that shows the screen reads it too."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

# Apache-2.0; DistilRoBERTa (82 million parameters) fine-tuned on the Financial PhraseBank.
MODEL = "mrm8488/distilroberta-finetuned-financial-news-sentiment-analysis"
DOUBTS = ("head", "full", "none")
DEVICES = ("auto", "cpu", "cuda")
LACKING = "torch and transformers are not installed: pip install 'microtui[models]'"


class LocalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which classifier, and how it is asked."""

    model: str = MODEL  # a folder, or an id of the Hugging Face hub
    adapter: str | None = None  # a folder with a PEFT adapter for it
    labels: dict[
        str, str
    ] = {}  # the model's own labels -> bearish, neutral or bullish, where they do not say so
    doubt: str = "head"  # Monte-Carlo dropout in the classifier alone, in the full network, or none
    passes: int = 20
    seed: int = 1
    device: str = "auto"  # a GPU where there is one
    temperature: float | None = None  # logits are divided by it; None: what training found, or 1

    def __post_init__(self) -> None:
        for name, known in (("doubt", DOUBTS), ("device", DEVICES)):
            if getattr(self, name) not in known:
                raise ValueError(f"expected {name} to be {', '.join(known)}, found {getattr(self, name)!r}")
        if not 2 <= self.passes <= 1000:
            raise ValueError(f"expected 2 to 1000 passes, found {self.passes}")
        if self.temperature is not None and not 0.01 <= self.temperature <= 100:
            raise ValueError(f"expected a temperature from 0.01 to 100, found {self.temperature}")


def installed() -> bool:
    """Whether torch and transformers are there, without loading either."""
    return all(find_spec(name) is not None for name in ("torch", "transformers"))
