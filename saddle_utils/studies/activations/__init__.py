"""Notebook 10: Figure 4, softmax attention and ten activations; what their order at zero decides.

`panels` holds the runs of the figure and their claims, `measure` the classes measured over tasks
and seeds, `draw` the pictures and the explorer.
"""

from .draw import classes_picture, confusion_picture, explorer, fig4_picture
from .measure import (
    claim_classes,
    claim_scales,
    class_table,
    combinations,
    exceptions,
    first_drops,
    lengthening,
    scale_table,
)
from .panels import (
    ALL,
    claim_4d,
    claim_4f,
    claim_levels,
    claim_panels,
    claim_ranks,
    constant_part,
    narrow_point,
    train,
)
