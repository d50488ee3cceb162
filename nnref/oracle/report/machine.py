"""The machine and the day of a campaign."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["machine", "today"]

WIDE = ("SSE42", "AVX", "FMA", "F16C", "NEON", "ASIMD", "SVE", "VSX", "VX", "RVV", "LSX", "LASX")
OLDER = {"AVX2": ("AVX",), "FMA3": ("FMA",), "AVX": ("SSE42",), "ASIMD": ("NEON", "NEON_FP16", "NEON_VFPV4")}


def machine() -> dict[str, str]:
    """The processor, the instructions for vectors that it has, and the system."""
    return {"cpu": _cpu(), "instructions": _instructions(), "system": f"{platform.system()} {platform.machine()}"}


def today() -> str:
    """The day in UTC. The variable SOURCE_DATE_EPOCH sets it, as in other tools, so that pages can be compared."""
    with contextlib.suppress(KeyError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).date().isoformat()
    return datetime.now(UTC).date().isoformat()


def _cpu() -> str:
    """The name of the processor, as far as the system tells it."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Hardware")))
        if name := next(filter(None, names), ""):
            return name
    return platform.processor() or platform.machine()


def _instructions() -> str:
    """The sets of vector instructions that NumPy has found, without those that a newer one contains."""
    try:
        features = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):  # NumPy does not promise this name
        return ""
    found = [name for name, present in features.items() if present and name.startswith(WIDE)]
    older = {old for name in found for old in OLDER.get(name, ())}
    return " ".join(name for name in found if name not in older)
