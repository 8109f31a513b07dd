"""Compilation of the kernels by numba, once a machine, where numba is installed."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

try:
    from numba import config, njit
except ImportError:  # the same code then runs as it stands, a few hundred times slower
    import warnings

    warnings.warn("numba is not installed: the engines run uncompiled, and slowly", stacklevel=2)
    njit = None
try:
    from .parts import PartCompiler as Compiler
except ImportError:  # a numba that is arranged otherwise: kernels then take longer to compile
    Compiler = None

OPTIONS = {  # all of them, for what is left out a function has from the one that calls it
    "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": False,
    "nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"},
}  # fmt: skip
KERNELS = (  # modules with kernels
    "compiling", "deep_fields", "descents", "fields", "implicit", "kinks", "parts", "problems",
    "records", "resting", "runs", "step_sizes", "steps", "tableaux",
)  # fmt: skip


def _cache() -> str:
    """A folder for compiled kernels whose name changes with their source: numba would not notice
    that a kernel which calls a changed one must be compiled again."""
    here = Path(__file__).parent
    source = b"".join((here / f"{name}.py").read_bytes() for name in KERNELS)
    name = f"kernels-{hashlib.sha256(source).hexdigest()[:12]}"
    parent = here / "__pycache__"
    parent.mkdir(exist_ok=True) if os.access(here, os.W_OK) else None
    writable = os.access(parent, os.W_OK)
    return str((parent if writable else Path(tempfile.gettempdir())) / name)


CACHE = _cache()


def compiled(function: Callable, **more: bool) -> Callable:
    """The function compiled as part of the kernels that call it.  It creates no arrays, and so need
    not count who uses those it is given, which takes longer than a step of a small network.

    Sums may be reordered, so that they use vector instructions; not a number stays what it is.
    """
    if njit is None:
        return function
    parts = {"pipeline_class": Compiler} if Compiler else {}
    return njit(**parts | OPTIONS | more)(function)


def merged(function: Callable) -> Callable:
    """As `compiled`, and made a part of its callers: for what takes no longer than a call."""
    return compiled(function, forceinline=True)


def kernel(function: Callable) -> Callable:
    """The function compiled at its first call from Python; kept on disk for later ones."""
    if njit is None:
        return function
    before, config.CACHE_DIR = config.CACHE_DIR, CACHE
    try:
        return njit(cache=True, **OPTIONS | {"no_cpython_wrapper": False})(function)
    finally:
        config.CACHE_DIR = before
