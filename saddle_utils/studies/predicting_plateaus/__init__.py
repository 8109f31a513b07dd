"""TODO."""

from .doubts import doubt_figure, scale_figure
from .draw import (
    COLOURS,
    FLOOR,
    Groups,
    curve_figure,
    draw_errors,
    draw_example,
    example_figure,
    level_figure,
    summary_figure,
)
from .explore import prediction_explorer
from .measure import (
    FLAT,
    LONGER,
    SETTLED,
    SMALLEST,
    TEARS,
    TIE,
    compare,
    due_drops,
    plateau,
    train_tasks,
)
from .tasks import by_kind, degenerate, errors, example, study, tearing

__all__ = [
    "COLOURS",
    "FLAT",
    "FLOOR",
    "LONGER",
    "SETTLED",
    "SMALLEST",
    "TEARS",
    "TIE",
    "Groups",
    "by_kind",
    "compare",
    "curve_figure",
    "degenerate",
    "doubt_figure",
    "draw_errors",
    "draw_example",
    "due_drops",
    "errors",
    "example",
    "example_figure",
    "level_figure",
    "plateau",
    "prediction_explorer",
    "scale_figure",
    "study",
    "summary_figure",
    "tearing",
    "train_tasks",
]
