"""The ledger: every claim with what was predicted, what was measured, and whether it passed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Image
from numpy.typing import ArrayLike

from ..observables import least_share
from .files import output_folder, write_whole
from .look import Picture


@dataclass(frozen=True)
class Claim:
    """One row of a ledger; numbers are rounded to a thousandth of the tolerance.

    `margin` says how many times the error fits into the tolerance, 1 where a claim only just holds:
    tolerance over error for numbers that shall agree, measured over bound for inequalities (or its
    inverse).  At most 1000, and None where a claim is exact.
    """

    name: str
    statement: str
    source: str
    predicted: Any
    measured: Any
    tolerance: str
    passed: bool
    margin: float | None

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.statement}"

    __repr__ = __str__


class ClaimsFailedError(AssertionError):
    """Some claim of a notebook did not hold; the ledger was written all the same."""


class Ledger:
    """The claims of one notebook, written to `output_dir`/claims/`notebook`.json by `save`.

    Raises ValueError for an `output_dir` that cannot be written, before anything is computed.
    """

    def __init__(self, notebook: str, output_dir: str | Path | None = None) -> None:
        self.notebook = notebook
        self.folder = output_folder(output_dir)
        self.claims: list[Claim] = []

    def close(
        self, name: str, statement: str, source: str, *, measured: Any, predicted: Any,
        atol: float | None = None, rtol: float | None = None,
    ) -> Claim:  # fmt: skip
        """Claim that numbers (or arrays) agree within `atol`, or within `rtol` of predicted."""
        if (atol is None) == (rtol is None):
            raise ValueError("give either atol or rtol")
        a, b = np.asarray(measured, dtype=float), np.asarray(predicted, dtype=float)
        limit = rtol * np.abs(b) if atol is None else np.full(b.shape, float(atol))
        fits = a.shape == b.shape
        passed = fits and bool(np.all(np.abs(a - b) <= limit))
        margin = _ratio(limit, np.abs(a - b)) if fits else 0.0
        unit = float(np.min(limit)) if b.size else 1.0
        text = f"{100 * rtol:g}%" if atol is None else f"{atol:g}"
        row = _round(b, unit), _round(a, unit), text, passed, margin
        return self._add(name, statement, source, *row)

    def equal(
        self, name: str, statement: str, source: str, *, measured: Any, predicted: Any
    ) -> Claim:
        """Claim that whole numbers, or lists of them, are equal."""
        a, b = _plain(measured), _plain(predicted)
        return self._add(name, statement, source, b, a, "exact", a == b, None)

    def at_most(
        self, name: str, statement: str, source: str, *, measured: float, bound: float
    ) -> Claim:
        """Claim that a number does not exceed a bound."""
        row = bound, _round(measured, abs(bound)), "at most", bool(measured <= bound)
        return self._add(name, statement, source, *row, _ratio(bound, measured))

    def at_least(
        self, name: str, statement: str, source: str, *, measured: float, bound: float
    ) -> Claim:
        """Claim that a number does not fall below a bound."""
        row = bound, _round(measured, abs(bound)), "at least", bool(measured >= bound)
        return self._add(name, statement, source, *row, _ratio(measured, bound))

    def share(
        self, name: str, statement: str, source: str, *, holds: ArrayLike, of: float = 0.95
    ) -> Claim:
        """Claim that what `holds` (runs,) of these runs holds of a share `of` all possible runs.

        It passes if as many show it as then must, but for a chance of .001 (`least_share`).
        """
        bound = least_share(of, len(holds))
        return self.at_least(name, statement, source, measured=float(np.mean(holds)), bound=bound)

    def show(self, picture: Picture) -> Image:
        """Save a picture to the ledger's folder and return it for display (see `look.Picture`)."""
        return picture.save(self.folder)

    def save(self) -> "Table":
        """Write the ledger and `CLAIMS.md`, and return the rows as a table.

        Raises ClaimsFailedError, naming the claims that failed, once all is written.
        """
        rows = [asdict(claim) for claim in self.claims]
        text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.folder / "claims" / f"{self.notebook}.json", text.encode())
        write_summary(self.folder)
        failed = [str(claim) for claim in self.claims if not claim.passed]
        if failed:
            raise ClaimsFailedError(
                f"{len(failed)} of {len(rows)} claims failed:\n" + "\n".join(failed)
            )
        return Table(rows)

    def _add(self, name: str, *row: Any) -> Claim:
        if any(claim.name == name for claim in self.claims):
            raise ValueError(f"the ledger already holds a claim {name!r}")
        self.claims.append(Claim(name, *row))
        return self.claims[-1]


class Table:
    """Rows of a ledger, shown as a table in a notebook and as Markdown elsewhere."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows = [{**row, "expected": _expected(row)} for row in rows]

    def __repr__(self) -> str:
        return markdown_table(HEAD, [[entry(row.get(key)) for key in HEAD] for row in self.rows])

    _repr_markdown_ = __repr__


def markdown_table(head: Sequence[str], rows: Iterable[Sequence], numbers: str = "---") -> str:
    """A table in Markdown; numbers="---:" sets all columns but the first to the right."""
    lines = [[str(word).replace("|", "\\|") for word in row] for row in (head, *rows)]
    lines = ["| " + " | ".join(words) + " |" for words in lines]
    lines.insert(1, "|---|" + f"{numbers}|" * (len(head) - 1))
    return "\n".join(lines)


HEAD = ("name", "statement", "source", "expected", "measured", "margin", "passed")
WIDEST = 10  # margins that the summary lists


def write_summary(folder: Path) -> None:
    """Build `CLAIMS.md` in `folder` from the ledgers in `folder`/claims."""
    ledgers = {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("claims/*.json"))}
    every = [row for rows in ledgers.values() for row in rows]
    wide = sorted((row for row in every if row["margin"]), key=lambda row: -row["margin"])
    lines = [
        "# Claims", "",
        f"{_passed(every)} claims passed when last checked, in {len(ledgers)} notebooks.", "",
        "A margin says how many times the error fits into the tolerance: 1 is a claim that just "
        "holds. The widest, of claims that may be too easy:", "", repr(Table(wide[:WIDEST])),
    ]  # fmt: skip
    for notebook, rows in ledgers.items():
        lines += ["", f"## {notebook}: {_passed(rows)} passed", "", repr(Table(rows))]
    write_whole(folder / "CLAIMS.md", ("\n".join(lines) + "\n").encode())


def _passed(rows: list[dict]) -> str:
    return f"{sum(row['passed'] for row in rows)} of {len(rows)}"


def _expected(row: dict) -> str:
    """What a row claims of the measured number: "≤ .02", "3 ± 1%", or an exact value."""
    number, tolerance = entry(row["predicted"]), row["tolerance"]
    if tolerance in ("at most", "at least"):
        return f"{'≤' if tolerance == 'at most' else '≥'} {number}"
    return number if tolerance == "exact" else f"{number} ± {tolerance}"


def _ratio(more: Any, less: Any) -> float:
    """The smallest of more / less, to two digits and at most 1000: the same on any machine."""
    with np.errstate(divide="ignore", invalid="ignore"):
        none = np.less_equal(less, 0) & np.greater_equal(more, 0)  # rounding may be below 0
        ratio = np.where(none, np.inf, np.divide(more, less))
    worst = float(np.nan_to_num(np.min(ratio, initial=np.inf), nan=0.0, posinf=1e3))
    return float(f"{min(max(worst, 0.0), 1000.0):.2g}")


def _plain(value: Any) -> Any:
    """Arrays, tuples and numpy numbers as the lists and numbers that JSON knows."""
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _round(value: Any, unit: float) -> Any:
    """Rounded to a thousandth of `unit`, its power of ten: the digits that mean something.

    What is not finite becomes None, for JSON has no word for it.
    """
    digits = 3 - int(np.floor(np.log10(unit))) if 0 < unit < np.inf else 6
    rounded = np.round(np.asarray(value, dtype=float), digits) + 0.0
    return np.where(np.isfinite(rounded), rounded.astype(object), None).tolist()


def entry(value: Any) -> str:
    """What a table shows of a number, a verdict, a text, or a list of them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, list):
        return ", ".join(f"({entry(v)})" if isinstance(v, list) else entry(v) for v in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)
