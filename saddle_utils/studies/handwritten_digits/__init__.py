"""Notebook 13: Figure 3 and Table 1 on real data, pairs of handwritten digits, and all ten."""

from .draw import explorer, fig3_picture, stages_picture, table1_picture, ten_digits_picture
from .measure import (
    PAIRS,
    digit_task,
    linear_drops,
    predicted,
    relu_drops,
    rises,
    table,
    third,
    train_linear,
    train_relu,
)
from .ten import batch_drops, train_ten
