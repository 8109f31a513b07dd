"""The sources of the site: the notebooks as pages, the gallery, the claims, the public API."""

import base64
import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..notebook.files import PROJECT
from ..notebook.ledger import HEAD, Table, entry
from ..notebook.tasks import VERDICT

PAGES = Path(__file__).parent / "pages"  # what is written by hand
NOTEBOOKS = PROJECT / "notebooks"
FIGURES = PROJECT / "figures"
WIDTH = 900  # pixels of a picture where its notebook does not say
STILL = (  # below an explorer
    "*Here the explorer is a picture. Its sliders move in the notebook; those of the six networks "
    'of Figure 1 move <a href="../play.html">on a page of their own</a>.*'
)


@dataclass(frozen=True)
class Shown:
    """A picture of a notebook: its name, the page and anchor where it stands, its heading, alt text
    and bytes."""

    name: str
    page: str
    anchor: str
    heading: str
    alt: str
    png: bytes


def write_sources(folder: Path) -> None:
    """Write everything that Sphinx needs to `folder`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PAGES, folder)
    for part in ("data", "claims"):
        shutil.copytree(FIGURES / part, folder / "extra" / part)
    for part in ("figures", "notebooks"):
        (folder / part).mkdir()
    for path in FIGURES.glob("*.png"):
        shutil.copy(path, folder / "figures")
    pictures: list[Shown] = []
    places: dict[str, dict] = {}
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        book = json.loads(path.read_text())
        pictures += prepare(book, path.stem, places)
        book["cells"].insert(1, _markdown("ways-in", ways_in(path.stem)))
        (folder / "notebooks" / path.name).write_text(json.dumps(book))
    tables = (FIGURES / name for name in ("BENCHMARKS.md", "BENCHMARKS_GPU.md"))
    benchmarks = "\n\n".join(path.read_text() for path in tables if path.exists())
    names = "\n".join(path.stem for path in paths)
    for name, text in {
        "notebooks/index": "# Notebooks\n\nEach can be read on its own.\n\n```{toctree}\n"
        f":maxdepth: 1\n\n{names}\n```\n",
        "gallery": gallery(pictures, folder / "_static" / "gallery"),
        "claims": claims(places),
        "benchmarks": benchmarks.replace("](", "](figures/"),
        "api": (PAGES / "api.md").read_text().replace("<!-- examples -->", examples()),
    }.items():
        (folder / f"{name}.md").write_text(text)


def prepare(book: dict, name: str, places: dict[str, dict]) -> list[Shown]:
    """Make a notebook a page: set-up folded, alt text kept, anchors before pictures and claims.

    `places` gets, by the name of each claim, links to the cell that checks it and to the picture
    before it.  Returns the pictures.
    """
    page, heading, shown, cells = f"notebooks/{name}.html", "", [], []
    for number, cell in enumerate(book["cells"]):
        source, anchor = "".join(cell["source"]), f"cell-{name[:2]}-{number}"
        heading = _heading(source, heading) if cell["cell_type"] == "markdown" else heading
        tags = cell["metadata"].setdefault("tags", [])
        part = _set_up(source, tags)
        if part:
            tags.append("hide-input")
            prompts = {f"code_prompt_{act}": f"{act.title()} {part}" for act in ("show", "hide")}
            cell["metadata"]["mystnb"] = prompts
        outputs = cell.get("outputs", [])
        texts = ["".join(out.get("data", {}).get("text/plain", [])) for out in outputs]
        claimed = [claim for text in texts for _, claim in VERDICT.findall(text)]
        place = {"cell": f"{page}#{anchor}", "picture": shown[-1] if shown else None}
        places |= dict.fromkeys(claimed, place)
        images = [out for out in outputs if "image/png" in out.get("data", {})]
        if claimed or images:
            cells.append(_markdown(anchor, f"({anchor})="))
        for out in images:
            about = out["metadata"].get("image/png", {})
            out["data"].pop("text/plain", None)
            image = {"alt": about.get("alt", ""), "width": f"{about.get('width', WIDTH)}px"}
            cell["metadata"]["mystnb"] = {"image": image}
            png = base64.b64decode("".join(out["data"]["image/png"]))
            title = f"{name[:2]} · {heading}"
            shown.append(Shown(about.get("name", ""), page, anchor, title, image["alt"], png))
        cells.append(cell)
        if images and "nbval-ignore-output" in tags:
            cells.append(_markdown(f"still-{number}", STILL))
    book["cells"] = cells
    return shown


def _markdown(name: str, source: str) -> dict:
    """A cell of text."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def repository() -> str:
    """Owner and name on GitHub, such as "owner/name", of the workflow or the checkout; else ""."""
    command = ["git", "-C", str(PROJECT), "remote", "get-url", "origin"]
    address = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"github\.com[:/](.+?)(\.git)?\s*$", address)
    return os.environ.get("GITHUB_REPOSITORY", found.group(1) if found else "")


def ways_in(name: str) -> str:
    """The line that opens a notebook elsewhere, without a machine of one's own where that can be.

    Binder and Colab fetch a public repository: they are offered where its address is known.
    """
    own, repo = f"`make lab` opens `notebooks/{name}.ipynb`", repository()
    if not repo:
        return f"Run it: {own}."
    binder = f"https://mybinder.org/v2/gh/{repo}/HEAD?urlpath=lab/tree/notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{name}.ipynb"
    install = f"`%pip install git+https://github.com/{repo}`"
    return f"Run it: {own}; or [on Binder]({binder}), or [in Colab]({colab}) after {install}."


def _set_up(source: str, tags: list[str]) -> str:
    """What a cell sets up, if it is one that is folded; else ""."""
    if "parameters" in tags:
        return "the parameters"
    if source.startswith("ledger = open_notebook"):
        return "the ledger's set-up"
    return "the imports" if source.startswith(("import ", "from ")) else ""


def _heading(source: str, before: str) -> str:
    """The last heading in a cell's text, or the one before it."""
    found = re.findall(r"^#+ (.+)$", source, flags=re.M)
    return found[-1] if found else before


def gallery(pictures: list[Shown], folder: Path) -> str:
    """Page of all pictures, each a link to where it stands; the files go to `folder`."""
    folder.mkdir(parents=True)
    items = []
    for number, shown in enumerate(pictures):
        (folder / f"{number:03}.png").write_bytes(shown.png)
        where, heading = f"{shown.page}#{shown.anchor}", _plain(shown.heading)
        items.append(
            f'<li><a href="{where}"><img loading="lazy" src="_static/gallery/{number:03}.png" '
            f'alt="{html.escape(shown.alt)}"></a><div class="what"><a href="{where}">{heading}</a>'
            f"<p>{html.escape(shown.alt)}</p></div></li>"
        )
    body = "\n".join(items)
    return f'# Gallery\n\n```{{raw}} html\n<ul class="gallery">\n{body}\n</ul>\n```\n'


def examples() -> str:
    """The part of the README that shows how the package is used on one's own data."""
    readme = (PROJECT / "README.md").read_text()
    return readme[readme.index("**Use it on your own data.**") : readme.index("**Sweeps on a")]


def claims(places: dict[str, dict]) -> str:
    """Page of all claims: a table to search, with links to cell, figure and data of each."""
    rows = []
    for path in sorted((FIGURES / "claims").glob("*.json")):
        for row in Table(json.loads(path.read_text())).rows:
            unknown = {"cell": f"notebooks/{path.stem}.html", "picture": None}
            place = places.get(row["name"], unknown)
            words = [html.escape(entry(row[key])) for key in HEAD[1:]]
            claim = f'<a href="{place["cell"]}">{row["name"]}</a>'
            see = _evidence(place["picture"]) + f'<a href="claims/{path.name}">ledger</a>'
            rows.append("<tr><td>" + "</td><td>".join([claim, *words, see]) + "</td></tr>")
    body = "\n".join(rows).replace("**no**", "<strong>no</strong>")
    head = "".join(f'<th scope="col">{word}</th>' for word in (*HEAD, "see"))
    table = f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody>"
    return (PAGES / "claims.md").read_text().replace("<!-- table -->", table)


def _evidence(picture: Shown | None) -> str:
    """Links to the picture before a claim, and to the numbers behind it where its name is known."""
    if picture is None:
        return ""
    links = f'<a href="{picture.page}#{picture.anchor}">figure</a> '
    if (FIGURES / "data" / f"{picture.name}.csv").exists():
        links += f'<a href="data/{picture.name}.csv">data</a> '
    return links


def _plain(text: str) -> str:
    """A heading without its marks, as HTML."""
    return html.escape(re.sub(r"[*`$]", "", text))
