"""The one place where studies loop over tasks or settings: two cores here, or a cluster."""

from collections.abc import Callable, Iterable
from typing import Any


def sweep_over(function: Callable[..., Any], *settings: Iterable) -> list[Any]:
    """What a function returns at each setting, in their order, as by `map`.

    The calls are joblib's: threads on all cores of this machine, since the compiled engines let go
    of the interpreter; or the workers of a cluster, inside `joblib.parallel_config(backend="dask")`
    with a Dask client.  Every call must be a function of its setting alone, random numbers by a
    seed: then the numbers are the same, bit for bit, wherever they are computed.

    Parameters
    ----------
    function : what to call; on a cluster it and its settings are sent to the workers
    settings : one iterable for each argument of `function`, all of one length

    Raises
    ------
    ValueError : iterables of different lengths
    """
    from joblib import Parallel, delayed  # here, for not every notebook sweeps

    calls = [delayed(function)(*setting) for setting in zip(*settings, strict=True)]
    return Parallel(n_jobs=-1, prefer="threads")(calls)
