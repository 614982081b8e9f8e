"""The worker's own process: it loads the local model and answers batches of texts until its input ends.

It is polite: one thread, low priority. Its standard output is the pipe; whatever a library prints goes nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from engine.sentiment.worker_messages import (
    HEAD,
    Ready,
    Unfit,
    ask_of,
    framed,
    options_of,
    packed,
    size_of,
)

NICE = 10


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the session's; the end of input is ours
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        serve(sys.stdin.buffer, answers)
    except (BrokenPipeError, EOFError):
        return


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    options = options_of(_next(asked))
    try:
        import torch

        from engine.sentiment import local

        torch.set_num_threads(1)
        tier = local.load(options)
    except ImportError as error:
        answers.write(framed(Unfit(f"the models extra is not whole: {error}", later=False)))
        return
    except local.BadModel as error:
        answers.write(framed(Unfit(str(error), later=isinstance(error, local.OutOfReach))))
        return
    answers.write(framed(Ready(tier.model, tier.device)))
    while True:
        answers.write(framed(packed(tier.predict_batch(ask_of(_next(asked)).texts))))


def _next(asked: BinaryIO) -> bytes:
    return _exactly(asked, size_of(_exactly(asked, HEAD)))


def _exactly(asked: BinaryIO, size: int) -> bytes:
    found = asked.read(size)
    if len(found) < size:
        raise EOFError
    return found


if __name__ == "__main__":
    main()
