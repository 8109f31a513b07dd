"""Loading handwritten digits: IDX files that are right, missing, truncated, corrupt or others."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
import sklearn.datasets

from saddle_utils.datasets import digits
from saddle_utils.datasets.digits import FOLDER_VARIABLE, Images, handwritten_digits, read_idx

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a small made-up MNIST of four images, which the loader takes for the real."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    rng, sums = np.random.default_rng(0), {}
    pixels = rng.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    for name, kind, content in ((IMAGES, 3, pixels), (LABELS, 1, np.array([0, 1, 1, 7], np.uint8))):
        sizes = np.array(content.shape, ">u4").tobytes()
        sums[name] = bytes([0, 0, 8, kind]) + sizes + content.tobytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(sums[name]))
    monkeypatch.setattr(digits, "MD5", {k: hashlib.md5(v).hexdigest() for k, v in sums.items()})
    return tmp_path, pixels, sums


def test_the_default_needs_no_download():
    images = handwritten_digits()
    assert images.x.shape == (1797, 64) and images.side == 8
    assert images.x.min() == 0 and images.x.max() == 1
    x, y = images.of([9, 4])
    assert (y[:, 0] == (images.labels[np.isin(images.labels, [4, 9])] == 9)).all()
    assert len(x) == 361 and (y.sum(1) == 1).all()


def test_idx_files_are_read_plain_or_zipped(folder):
    path, pixels, contents = folder
    images = handwritten_digits("mnist")
    np.testing.assert_array_equal(images.x * 255, pixels.reshape(4, -1))
    assert images.labels.tolist() == [0, 1, 1, 7] and images.title == "MNIST test images"
    (path / f"{IMAGES}.gz").unlink()
    (path / IMAGES).write_bytes(contents[IMAGES])
    np.testing.assert_array_equal(handwritten_digits("mnist").x, images.x)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: gzip.compress(content)[:-20],
        lambda content: b"not zipped",
        lambda content: gzip.compress(content[:-1]),
        lambda content: gzip.compress(content + b"0"),
        lambda content: gzip.compress(b"\1" + content[1:]),
        lambda content: gzip.compress(content[:-1] + bytes([content[-1] ^ 1])),
    ],
)
def test_files_that_are_wrong_are_named(folder, change):
    path, _, contents = folder
    (path / f"{IMAGES}.gz").write_bytes(change(contents[IMAGES]))
    with pytest.raises(ValueError, match=f"{IMAGES}.gz is not MNIST's {IMAGES}: it is truncated"):
        handwritten_digits("mnist")


def test_files_that_are_missing_are_named(folder):
    path, *_ = folder
    (path / f"{LABELS}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=LABELS):
        handwritten_digits("mnist")
    with pytest.raises(FileNotFoundError, match="train-images"):
        handwritten_digits("mnist_train")
    with pytest.raises(FileNotFoundError, match=FOLDER_VARIABLE):
        read_idx(path / "nowhere", IMAGES)


def test_without_a_folder_it_is_downloaded_or_fails(monkeypatch):
    def fetch(name, **_):
        raise OSError("no network")

    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    with pytest.raises(OSError, match=f"no network.*{FOLDER_VARIABLE}"):
        handwritten_digits("mnist")

    found = np.arange(70_000.0)[:, None] % 256, np.array(["3"] * 60_000 + ["5"] * 10_000)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda name, **_: found)
    assert (handwritten_digits("mnist").labels == 5).all()
    assert len(handwritten_digits("mnist_train").labels) == 60_000


def test_wrong_names_and_digits_are_refused():
    with pytest.raises(ValueError, match="mnist_train"):
        handwritten_digits("fashion")
    images = Images("few", np.zeros((2, 4)), np.array([0, 1]))
    for wanted, says in (([0, 0], "different"), ([0], "two or more"), ([0, 5], r"\[5\]")):
        with pytest.raises(ValueError, match=says):
            images.of(wanted)
