"""The same tasks by a plain PyTorch loop, by `descend` and by `flow`: `make bench`."""
