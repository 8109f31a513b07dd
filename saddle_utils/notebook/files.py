"""Where things are, and files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = CHECKOUT if (CHECKOUT / "pyproject.toml").exists() else Path.cwd()  # if installed by pip
OUTPUT_VARIABLE = "SADDLE_OUTPUT_DIR"  # overrides the default output folder; the tests use it


def output_folder(output_dir: str | Path | None = None) -> Path:
    """The folder for pictures, data/ and claims/, made if needed; the project's `figures` if None.

    Raises ValueError if it cannot be made or written.
    """
    wanted = output_dir or os.environ.get(OUTPUT_VARIABLE) or PROJECT / "figures"
    folder = Path(wanted).expanduser().resolve()
    try:
        for part in ("data", "claims"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder / "claims").close()
    except OSError as error:
        raise ValueError(
            f"the output folder {wanted} cannot be written ({error.strerror}); "
            "give `output_dir` a folder of yours"
        ) from error
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at any moment there is the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
