"""This machine's side of a frame: CPU and memory of the process, and messages about its health."""

from __future__ import annotations

import os
import time
from collections import deque

import msgspec

from engine.frame.host import Host

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class HostMeter:
    """Measures at most once a second; in between the last figures stand."""

    def __init__(self) -> None:
        self.messages: deque[str] = deque(maxlen=20)
        self._at = time.monotonic()
        self._cpu_s = time.process_time()
        self._cpu_pct: float | None = None
        self._memory_mb: float | None = None

    def __call__(self, host: Host) -> Host:
        now = time.monotonic()
        if now - self._at >= 1.0:
            cpu_s = time.process_time()
            self._cpu_pct = 100.0 * (cpu_s - self._cpu_s) / (now - self._at)
            self._at, self._cpu_s = now, cpu_s
            self._memory_mb = _resident_mb()
        return msgspec.structs.replace(
            host, cpu_pct=self._cpu_pct, memory_mb=self._memory_mb, messages=tuple(reversed(self.messages))
        )


def _resident_mb() -> float | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * _PAGE / 1e6
    except (OSError, ValueError, IndexError):
        return None
