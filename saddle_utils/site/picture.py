"""The picture of an explorer at given values: `make picture OF=linear_rank.explorer ARGS="..."`."""

import argparse
import sys
from pathlib import Path

from ..notebook.explorer import Choice, Slider, explorer_of
from ..notebook.files import PROJECT, write_whole
from ..notebook.look import use_style


def value_of(knob: Slider | Choice, name: str, text: str) -> float | str:
    """What a text gives a slider or a choice; ValueError where it is out of its range."""
    if isinstance(knob, Choice):
        if text not in knob.options:
            raise ValueError(f"{name} is {text!r}; wanted one of {', '.join(knob.options)}")
        return text
    low, high = knob.ends()
    try:
        value = type(knob.value)(float(text))
    except ValueError:
        raise ValueError(f"{name} is {text!r}; wanted a number") from None
    if not low <= value <= high:
        raise ValueError(f"{name} is {text}; wanted {low:g} to {high:g}")
    return value


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m saddle_utils.site.picture", description=__doc__
    )
    parser.add_argument("source", help="such as linear_rank.explorer")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--output", type=Path, default=PROJECT / "build" / "picture.png")
    options = parser.parse_args(arguments)
    use_style()
    try:
        explorer = explorer_of(options.source)
        values = dict(explorer.first)
        for name, text in options.p:
            if name not in values:
                raise ValueError(f"no knob {name!r}; there are {', '.join(values)}")
            values[name] = value_of(explorer.sliders[name], name, text)
        picture = explorer.render(**values)
    except (ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.output, picture)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
