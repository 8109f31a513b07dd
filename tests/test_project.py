"""The project holds together: one list of dependencies, floors, pins, README."""

from __future__ import annotations

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

from support import in_subprocess

from saddle_utils.notebook.files import PROJECT

PACKAGE = PROJECT / "saddle_utils"
CODE = sorted(PACKAGE.rglob("*.py"))
FLOORS = [  # a package imports only from the floors above it in this list
    ["networks"],
    ["datasets", "dynamics"],
    ["observables"],
    ["theory"],
    ["notebook"],
    ["studies"],
    ["bench"],
    ["site"],
]
SHARED = {"figure1", "figure2"}  # runs that several studies use; no study imports another


def dependencies() -> list[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return [re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]]


def test_environment_yml_adds_nothing_of_its_own():
    text = (PROJECT / "environment.yml").read_text()
    entries = re.findall(r"^\s+- (.+)$", text, flags=re.M)
    assert entries == ["conda-forge", "python=3.11", "pip", "pip:", "-c constraints.txt", "-e ."]


def test_every_dependency_is_pinned_and_used():
    pins = {
        line.split("==")[0].lower()
        for line in (PROJECT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert set(dependencies()) <= pins
    tools = {"jupyterlab", "ipykernel", "nbval", "pytest-xdist", "ruff"}  # used by name, in make
    sources = [*PACKAGE.rglob("*.py"), *(PROJECT / "tests").rglob("*.py")]
    code = "\n".join(path.read_text() for path in sources)
    called = {"pillow": "PIL", "scikit-learn": "sklearn"}  # what is imported under another name
    for name in {called.get(name, name) for name in set(dependencies()) - tools}:
        assert re.search(rf"^\s*(import|from) {name}\b", code, flags=re.M), name


def imports(path: Path) -> set[str]:
    """The modules of the project that a module imports, as dotted names below the project's."""
    here = path.relative_to(PACKAGE).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*here[: len(here) - node.level], *(node.module or "").split(".")]
            base = [part for part in base if part]
            names = [] if (PACKAGE.joinpath(*base).with_suffix(".py")).exists() else node.names
            inside = [a.name for a in names if list(PACKAGE.joinpath(*base).glob(f"{a.name}*"))]
            found |= {".".join([*base, name]) for name in inside} or {".".join(base)}
    return found


def test_modules_import_only_from_the_floors_below():
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    modules = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in CODE}
    assert modules - {"__init__"} == set(floor)
    for path in CODE:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in {name.split(".")[0] for name in imports(path)} - {own, ""}:
            assert floor[name] < floor[own], (path.name, name)


def test_a_study_imports_no_other_but_the_shared_runs():
    for path in (PACKAGE / "studies").rglob("*.py"):
        own = path.relative_to(PACKAGE / "studies").parts[0].removesuffix(".py")
        others = {name.split(".")[1] for name in imports(path) if name.startswith("studies.")}
        assert others - {own} <= SHARED, path


def test_every_notebook_has_its_study_and_its_test():
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        name = path.stem.split("_", 1)[1]
        assert list((PACKAGE / "studies").glob(f"{name}*")), name
        assert (PROJECT / "tests" / "studies" / f"test_{name}.py").exists(), name


def test_modules_of_a_package_do_not_import_each_other_in_circles():
    graph = {}
    for path in CODE:
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        graph[name.removesuffix(".__init__")] = imports(path)
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_public_functions_say_what_they_do():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                assert ast.get_docstring(node), (path.name, node.name)


def test_the_package_imports_without_torch():
    code = (
        "import sys; import saddle_utils.studies.figure1, saddle_utils.notebook.runner;"
        "print('torch' in sys.modules)"
    )
    assert in_subprocess(code).strip() == "False"


def test_the_readme_knows_every_notebook():
    readme = (PROJECT / "README.md").read_text()
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{path.name}" in readme
    assert "make figures" in readme and "make test" in readme
