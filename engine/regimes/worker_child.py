"""The process that fits: it answers windows of any symbol until its input ends. One thread, low priority.

Its standard output is the pipe; whatever a library prints goes nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from engine.regimes.messages import HEAD, ask_of, framed, size_of

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
    from engine.regimes.fit import fit

    while True:
        answers.write(framed(fit(ask_of(_exactly(asked, size_of(_exactly(asked, HEAD)))))))


def _exactly(asked: BinaryIO, size: int) -> bytes:
    found = asked.read(size)
    if len(found) < size:
        raise EOFError
    return found


if __name__ == "__main__":
    main()
