"""A RoBERTa classifier and its tokenizer, made on disk: small enough for a test, the real thing to the code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

GOOD = ["strong bounce", "new highs again", "great quarter", "buyers everywhere", "up only from here"]
BAD = ["terrible crash", "going to zero", "weak bids", "sellers everywhere", "down only from here"]
NAMES = ("negative", "neutral", "positive")


def texts(count: int) -> tuple[list[str], list[str]]:
    """`count` different posts, 50 at most, and the words that label them, bullish and bearish in turn."""
    found = []
    for at in range(count):
        phrases, label = ((GOOD, "bullish"), (BAD, "bearish"))[at % 2]
        first, second = divmod(at // 2, 5)
        found.append((f"{phrases[first]}, {phrases[(first + second) % 5]}", label))
    return [text for text, _ in found], [label for _, label in found]


def write_csv(path: Path, count: int) -> Path:
    lines = [f'"{text}",{label}' for text, label in zip(*texts(count), strict=True)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def make(
    folder: Path,
    names: Sequence[str] = NAMES,
    *,
    dropout: float = 0.1,
    seed: int = 1,
    spread: float = 0.5,
    head: bool = True,
) -> Path:
    """Weights are random, `spread` wide, so that texts differ in what is said of them."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        RobertaConfig,
        RobertaForMaskedLM,
        RobertaForSequenceClassification,
        RobertaTokenizerFast,
    )
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # it is so small that threads only wait for each other
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        texts(50)[0],
        vocab_size=600,
        min_frequency=1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    )
    folder.mkdir(parents=True)
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizerFast.from_pretrained(str(folder), model_max_length=512)
    tokenizer.save_pretrained(str(folder))
    torch.manual_seed(seed)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(names)),
        label2id={name: at for at, name in enumerate(names)},
        initializer_range=spread,
    )
    (RobertaForSequenceClassification if head else RobertaForMaskedLM)(config).save_pretrained(str(folder))
    return folder
