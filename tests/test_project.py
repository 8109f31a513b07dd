"""The project holds together: one list of dependencies, floors, pins, README."""

from __future__ import annotations

import ast
import re
import tomllib

from conftest import in_subprocess

from saddle_utils.files import PROJECT

PACKAGE = PROJECT / "saddle_utils"
FLOORS = [  # a module imports only from floors above it in this list
    ["files", "networks"],
    ["datasets", "random_tasks", "dynamics", "plateaus", "units", "claims", "linear_saddles"],
    ["sliding"],
    ["ensembles"],
    ["theory", "panels", "parameters", "figures", "explore", "tasks", "saddles", "manifolds"],
    ["checks", "escape", "relu_escape", "panel_figures", "task_figures", "run"],
    [
        "saddle_measurements",
        "manifold_measurements",
        "saddle_figures",
        "manifold_figures",
        "measurements",
        "escape_figures",
        "landscape",
    ],
    ["explorers"],
]


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
    sources = [*PACKAGE.rglob("*.py"), *(PROJECT / "tests").glob("*.py")]
    code = "\n".join(path.read_text() for path in sources)
    for name in set(dependencies()) - tools:
        assert re.search(rf"^\s*(import|from) {name}\b", code, flags=re.M), name


def test_modules_import_only_from_the_floors_below():
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} | {"networks"}
    assert modules == set(floor)
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                below = [node.module] if node.module else [alias.name for alias in node.names]
                for name in below:
                    target = name.split(".")[0]
                    assert floor[target] < floor[path.stem], (path.stem, target)


def test_public_functions_say_what_they_do():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                assert ast.get_docstring(node), (path.name, node.name)


def test_the_package_imports_without_torch():
    code = (
        "import sys; import saddle_utils.explorers, saddle_utils.run; print('torch' in sys.modules)"
    )
    assert in_subprocess(code).strip() == "False"


def test_the_readme_knows_every_notebook():
    readme = (PROJECT / "README.md").read_text()
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{path.name}" in readme
    assert "make figures" in readme and "make test" in readme
