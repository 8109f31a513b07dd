"""Compiled kernels: loss, gradient field and Hessian of a deep linear network (section 5.1).

With P_l = W_l ... W_1, S_l = W_L ... W_{l+1} and the residual matrix G of the map P_L the field is
dW_l = S_l' G P_{l-1}'.  A network is one unit: its weights are a column, layer by layer, each row
by row.  `layers` of the data has for each layer l from 0: its size d_l, and where P_l and S_l begin
in the scratch, and W_l among the weights; in a last row, where the scratch of matrices begins.
"""

import numpy as np

from .compiling import compiled


def deep_layers(sizes, inputs, outputs):
    """`layers` of a network of these sizes, and how long its scratch is."""
    sizes = np.array(sizes)
    before = np.cumsum(sizes) - sizes
    behind = inputs * sizes.sum() + outputs * (sizes[::-1].cumsum()[::-1] - sizes)
    weights = np.append(0, np.cumsum(sizes[1:] * sizes[:-1]))
    weights[1:] = weights[:-1]
    free = (inputs + outputs) * sizes.sum()
    layers = np.stack([sizes, inputs * before, behind, weights], axis=1)
    return np.vstack([layers, [free] * 4]), free + 4 * max(sizes.max(), inputs) ** 2


@compiled
def product(x, at, xi, xj, y, start, yj, yc, out, place, rows, inner, columns):
    """out = x y for matrices in flat arrays: where each begins, and how far apart its rows and
    columns are; `out` row by row."""
    for i in range(rows):
        for c in range(columns):
            total = 0.0
            for j in range(inner):
                total += x[at + i * xi + j * xj] * y[start + j * yj + c * yc]
            out[place + i * columns + c] = total


@compiled
def identity(out, place, size):
    """The identity in a flat array."""
    for i in range(size):
        for k in range(size):
            out[place + i * size + k] = 1.0 if i == k else 0.0


@compiled
def deep_map(data, work, theta):
    """All P_l and S_l into the scratch, and the map into work.m."""
    n, outputs, layers = data.b.shape[0], data.a.shape[0], data.layers
    last, flat, w = layers.shape[0] - 2, work.rows[:, 0], theta[:, 0]
    identity(flat, layers[0, 1], n)
    identity(flat, layers[last, 2], outputs)
    for layer in range(1, last + 1):
        size, below = layers[layer, 0], layers[layer - 1, 0]
        product(w, layers[layer, 3], below, 1, flat, layers[layer - 1, 1], n, 1,
                flat, layers[layer, 1], size, below, n)  # fmt: skip
    for layer in range(last, 0, -1):
        size, below = layers[layer, 0], layers[layer - 1, 0]
        product(flat, layers[layer, 2], size, 1, w, layers[layer, 3], below, 1,
                flat, layers[layer - 1, 2], outputs, size, below)  # fmt: skip
    for k in range(work.m.size):
        work.m[k] = flat[layers[last, 1] + k]


@compiled
def deep_gradient(data, work, out):
    """The field of each layer into `out`, from `deep_map` and the residual in work.g."""
    n, outputs, layers = data.b.shape[0], data.a.shape[0], data.layers
    last, flat = layers.shape[0] - 2, work.rows[:, 0]
    error = layers[last + 1, 0]
    for layer in range(1, last + 1):
        size, below = layers[layer, 0], layers[layer - 1, 0]
        product(flat, layers[layer, 2], 1, size, work.g, 0, n, 1, flat, error, size, outputs, n)
        product(flat, error, n, 1, flat, layers[layer - 1, 1], 1, n,
                out[:, 0], layers[layer, 3], size, n, below)  # fmt: skip


@compiled
def deep_curvature(data, work, theta, block, d):
    """`curvature` of the one unit: second derivatives of the map along G, and its first ones."""
    n, outputs, layers = data.b.shape[0], data.a.shape[0], data.layers
    last, flat, w = layers.shape[0] - 2, work.rows[:, 0], theta[:, 0]
    error, room = layers[last + 1, 0], (work.rows.shape[0] - layers[last + 1, 0]) // 4
    both, between, other = error + room, error + 2 * room, error + 3 * room
    for k in range(1, last + 1):
        rows, columns, here = layers[k, 0], layers[k - 1, 0], layers[k, 3]
        for i in range(rows):
            for j in range(columns):
                for o in range(outputs):
                    for c in range(n):
                        d[here + i * columns + j, o * n + c] = (
                            flat[layers[k, 2] + o * rows + i] * flat[layers[k - 1, 1] + j * n + c]
                        )
        identity(flat, between, rows)  # W_{l-1} ... W_{k+1}
        for layer in range(k + 1, last + 1):
            size, below, there = layers[layer, 0], layers[layer - 1, 0], layers[layer, 3]
            product(flat, layers[layer, 2], 1, size, work.g, 0, n, 1, flat, error, size, outputs, n)
            product(flat, error, n, 1, flat, layers[k - 1, 1], 1, n,
                    flat, both, size, n, columns)  # fmt: skip
            for i in range(size):
                for j in range(below):
                    for a in range(rows):
                        x, at = flat[between + j * rows + a], there + i * below + j
                        for b in range(columns):
                            z, to = x * flat[both + i * columns + b], here + a * columns + b
                            block[at, to] = z
                            block[to, at] = z
            product(w, there, below, 1, flat, between, rows, 1, flat, other, size, below, rows)
            between, other = other, between
