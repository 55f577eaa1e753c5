"""The shape of the project: which way imports go, what stays out of where."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "cxrcore"

# Data goes one way: a module imports only from those before it (docs/architecture.md).
ORDER = (
    "errors regions settings files progress priority parallel downloads archives images films datasets quality "
    "index lungs pixels perturbations duplicates splits models foreign statistics metrics store predictions comparison thresholds mistakes slices film_maps remarks tracking explanations training inference model_files controls profiles gate external embeddings jobs sweeps work figures reports plot notebook cli __main__"
).split()
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("tensorflow", "keras", "streamlit", "sklearn", "skimage", "matplotlib", "altair")


def part_of(path: Path) -> str:
    """The name in ORDER of a file: `datasets/scan.py` belongs to `datasets`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parts_imported(path: Path) -> set[str]:
    """The names in ORDER that a file imports, anywhere in it, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "cxrcore":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cxrcore."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("cxrcore.")}
    return found


def test_every_module_has_its_place_in_the_order():
    assert {part_of(path) for path in MODULES} - {"__init__"} <= set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_earlier_ones(path):
    if part_of(path) == "__init__":
        return  # for type checkers alone: it loads nothing, see test_notebook.py
    place = ORDER.index(part_of(path))
    late = {p for p in parts_imported(path) if p in ORDER and ORDER.index(p) > place}
    assert not late, f"{path.name} imports from later modules: {sorted(late)}"


def dotted(path: Path) -> str:
    """The name of a file as a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules_imported(path: Path, known: set[str]) -> set[str]:
    """The modules that a file imports when it runs, also inside functions.

    Of `from x import y` it is y if that is a module. What only type checkers read is left out.
    """
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module or "" for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


def test_no_module_imports_itself_by_way_of_others():
    known = {dotted(path) for path in MODULES}
    graph = {dotted(path): modules_imported(path, known) for path in MODULES}
    assert "cxrcore.jobs.model" in graph["cxrcore.jobs.disk"]
    assert "cxrcore.pixels" in graph["cxrcore.work.pixels"]  # inside a function
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError with the circle


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_streamlit_is_not_imported_in_the_package(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert "streamlit" not in names


def test_importing_everything_loads_no_heavy_library():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.name != "__main__.py"
    ]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "path", [*MODULES, ROOT / "app.py", *(ROOT / "pages").rglob("*.py")], ids=lambda p: p.name
)
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def test_no_page_lies_directly_in_pages():
    # One there would be run without app.py on the first deep link to a fresh server.
    assert not list((ROOT / "pages").glob("*.py"))


def test_every_page_file_is_in_the_navigation():
    pages = set((ROOT / "pages").rglob("page.py"))
    app = (ROOT / "app.py").read_text()
    assert pages
    assert all(f'"{p.relative_to(ROOT).as_posix()}"' in app for p in pages)


def test_every_requirement_of_the_user_is_listed():
    listed = (ROOT / "requirements.txt").read_text()
    for name in (
        "streamlit tensorflow numpy pandas plotly opencv-python-headless scikit-learn tf-keras-vis image-quality pillow"
    ).split():
        assert f"\n{name}>=" in listed
