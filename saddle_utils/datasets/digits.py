"""Images of handwritten digits: the 8 x 8 ones that ship with scikit-learn, or MNIST.

MNIST is read from the folder that the environment variable `SADDLE_MNIST` names, which holds its
IDX files (plain or .gz); without the variable, scikit-learn's `fetch_openml` downloads it once and
keeps it.  Nothing falls back silently: whoever asks for MNIST gets MNIST, or an error.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER_VARIABLE = "SADDLE_MNIST"  # the folder of the IDX files
TITLES = {  # of the data sets, as figures name them
    "digits": "8 x 8 digits of scikit-learn",
    "mnist": "MNIST test images",
    "mnist_train": "MNIST training images",
}
MD5 = {  # of the four files of MNIST, unpacked
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TRAINING = 60_000  # images of MNIST, of which it has 70,000; the others are for testing


@dataclass(frozen=True)
class Images:
    """Images of handwritten digits.

    title : name of the data set, which every figure of it shows
    x : pixels in [0, 1], row by row, (samples, side * side)
    labels : the digit on each image, (samples,)
    """

    title: str
    x: np.ndarray
    labels: np.ndarray

    @property
    def side(self) -> int:
        """Pixels along one side of an image."""
        return int(np.sqrt(self.x.shape[1]))

    def of(self, digits: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Images (n, pixels) of these digits, and their one-hot labels (n, digits) in that order.

        ValueError unless there are two digits or more, all different and with images.
        """
        wanted = np.asarray(digits)
        if len(wanted) < 2 or len(np.unique(wanted)) < len(wanted):
            raise ValueError(f"digits {list(digits)}: wanted two or more, all different")
        if missing := [int(d) for d in wanted if d not in self.labels]:
            raise ValueError(f"there are no images of {missing} among the {self.title}")
        some = np.isin(self.labels, wanted)
        return self.x[some], (self.labels[some, None] == wanted) * 1.0


def handwritten_digits(name: str = "digits") -> Images:
    """The images called "digits", "mnist" (the 10,000 test images) or "mnist_train" (60,000).

    ValueError for another name; OSError or ValueError, naming the file, where MNIST is missing,
    truncated or corrupt.
    """
    if name not in TITLES:
        raise ValueError(f"unknown images {name!r}; known: {', '.join(TITLES)}")
    if name == "digits":
        from sklearn.datasets import load_digits  # here, for its import is slow

        found = load_digits()
        return Images(TITLES[name], found.data / 16, found.target)
    part = "train" if name == "mnist_train" else "t10k"
    if folder := os.environ.get(FOLDER_VARIABLE):
        pixels = read_idx(Path(folder), f"{part}-images-idx3-ubyte")
        labels = read_idx(Path(folder), f"{part}-labels-idx1-ubyte").astype(int)
    else:
        pixels, labels = _openml(part)
    return Images(TITLES[name], pixels.reshape(len(pixels), -1) / 255, labels)


def read_idx(folder: Path, name: str) -> np.ndarray:
    """One of the four files of MNIST, plain or .gz, as an array of bytes (samples, ...).

    FileNotFoundError if it is not there, ValueError if it is not that file, as its checksum tells;
    both say which file.
    """
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise FileNotFoundError(
            f"there is no file {name} or {name}.gz in {folder}, the folder that {FOLDER_VARIABLE} "
            "names; put MNIST's IDX files there, or unset the variable to have MNIST downloaded"
        )
    try:
        content = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        content = b""
    if hashlib.md5(content).hexdigest() != MD5[name]:
        raise ValueError(f"{path} is not MNIST's {name}: it is truncated, corrupt, or another file")
    axes = content[3]  # then a size of four bytes for each, then the entries
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _openml(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (0 to 255) and labels of one part of MNIST, downloaded once by scikit-learn."""
    from sklearn.datasets import fetch_openml

    try:
        x, y = fetch_openml(
            "mnist_784", version=1, as_frame=False, return_X_y=True, parser="liac-arff"
        )
    except OSError as error:  # no network, no such data set, a full disk
        raise OSError(
            f"MNIST could not be downloaded ({error}); set {FOLDER_VARIABLE} to a folder with its "
            'IDX files, or use the data "digits", which need no download'
        ) from error
    some = slice(TRAINING) if part == "train" else slice(TRAINING, None)
    return x[some], y[some].astype(int)
