"""The site: no broken link, nothing from elsewhere, alt text everywhere, claims that lead home."""

from __future__ import annotations

import importlib
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlparse

import pytest
from bs4 import BeautifulSoup

from saddle_utils.notebook.files import PROJECT
from saddle_utils.notebook.tasks import explorers
from saddle_utils.site import sources

from .browser import needs_browser, needs_npm, serious

pytest.importorskip("myst_nb", reason="the group [site] is not installed")
LOADS = (("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    build = importlib.import_module("saddle_utils.site.__main__").build
    folder = tmp_path_factory.mktemp("site")
    assert build(folder / "html", folder / "sources") == 0
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    """The pages that Sphinx wrote; the theme's own template among its files is none."""
    found = (path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: BeautifulSoup(path.read_text(), "html.parser") for path in found}


pytestmark = needs_npm


def test_every_notebook_is_a_page(pages):
    names = {path.stem for path in pages}
    assert {path.stem for path in (PROJECT / "notebooks").glob("*.ipynb")} <= names
    assert {"index", "gallery", "claims", "lecture", "api", "play", "benchmarks"} <= names


def test_ledgers_are_tables(pages, site):
    page = pages[site / "notebooks" / "01_linear_rank.html"]
    assert "measured" in [head.text for head in page.find_all("th")] and "| yes |" not in page.text


def test_the_api_begins_with_the_examples_of_the_readme(pages, site):
    text = pages[site / "api.html"].text
    assert 0 < text.index("functional_call") < text.index("drop at") < text.index("The names")


def test_below_every_explorer_it_is_said_where_it_moves(pages, site):
    pictures = [page.text.count("Here the explorer is a picture") for page in pages.values()]
    assert sum(pictures) == len(explorers())


def test_no_page_loads_anything_from_elsewhere(pages):
    for path, page in pages.items():
        for tag, attribute in LOADS:
            for node in page.find_all(tag):
                link = urlparse(node.get(attribute) or "")
                assert link.scheme in ("", "data") and not link.netloc, (path.name, str(node))


def test_no_link_is_broken(pages):
    anchors = {
        path: {node["id"] for node in page.find_all(id=True)} for path, page in pages.items()
    }
    for path, page in pages.items():
        for tag, attribute in (*LOADS, ("a", "href")):
            for node in page.find_all(tag):
                link = urlparse(node.get(attribute) or "")
                if link.scheme or link.netloc:
                    continue
                target = (path.parent / unquote(link.path)).resolve() if link.path else path
                assert target.exists(), (path.name, str(node))
                if link.fragment and target in anchors:
                    assert unquote(link.fragment) in anchors[target], (path.name, str(node))


def test_every_picture_has_alt_text(pages):
    for path, page in pages.items():
        for image in page.find_all("img"):
            assert image.get("alt"), (path.name, str(image)[:200])


def test_every_claim_links_to_the_cell_that_checks_it(pages, site):
    rows = pages[site / "claims.html"].select("table.claims tbody tr")
    ledgers = [json.loads(p.read_text()) for p in (PROJECT / "figures" / "claims").glob("*.json")]
    names = {row["name"] for ledger in ledgers for row in ledger}
    assert {row.find("a").text for row in rows} == names
    assert all("#" in row.find("a")["href"] for row in rows)


def test_a_registry_that_does_not_answer_is_said(monkeypatch, tmp_path, capsys):
    (tmp_path / "npm").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("saddle_utils.site.page.NODE", tmp_path / "node")
    assert importlib.import_module("saddle_utils.site.__main__").main() == 2
    assert "it needs the npm registry" in capsys.readouterr().err


def test_binder_and_colab_are_offered_where_the_address_is_known(monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    for address, name in (
        ("git@github.com:owner/name.git\n", "owner/name"),
        ("https://github.com/owner/name\n", "owner/name"),
        ("https://example.org/owner/name\n", ""),
        ("", ""),
    ):
        found = SimpleNamespace(stdout=address)
        monkeypatch.setattr(sources.subprocess, "run", lambda *_, found=found, **__: found)
        assert sources.repository() == name
    assert "Binder" not in sources.ways_in("01_linear_rank")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    links = re.findall(r"\((https[^)]+)\)", sources.ways_in("01_linear_rank"))
    assert len(links) == 2
    assert all("owner/name" in at and "notebooks/01_linear_rank.ipynb" in at for at in links)


COLOURS = {"runOnly": ["color-contrast"]}
KINDS = ["index", "gallery", "lecture", "api", "benchmarks", "notebooks/05_quadratic_units"]


@needs_browser
@pytest.mark.parametrize(
    ("scheme", "names", "rules"),
    [("light", [*KINDS, "claims"], {}), ("dark", [KINDS[0], KINDS[-1]], COLOURS)],
)
def test_nothing_serious_for_readers_who_cannot_see(browser, site, scheme, names, rules):
    """In the dark it is the colours that are others."""
    window = browser.new_page(color_scheme=scheme)
    for name in names:
        window.goto((site / f"{name}.html").as_uri())
        if name == "claims":  # some of the rows, for all take a minute
            window.fill(".claims-filter", "theorem 3 rank")
            window.evaluate("document.querySelectorAll('tr[hidden]').forEach(r => r.remove())")
        assert not serious(window, **rules), name


@needs_browser
def test_the_search_of_claims_and_the_formulas(browser, site: Path):
    window = browser.new_page()
    faults: list[str] = []
    window.on("pageerror", lambda error: faults.append(str(error)))
    window.on("request", lambda r: r.url.startswith(("file:", "data:")) or faults.append(r.url))
    window.goto((site / "claims.html").as_uri())
    window.fill(".claims-filter", "theorem 3 rank")
    count = window.inner_text(".claims-count")
    assert 0 < int(count.split()[0]) < int(count.split()[2])
    window.goto((site / "notebooks" / "05_quadratic_units.html").as_uri())
    window.wait_for_selector("mjx-container svg")
    assert window.locator("mjx-merror").count() == 0
    assert faults == []
