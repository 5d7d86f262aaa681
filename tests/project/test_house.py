"""Modules are few in a folder, short, of one name each, and documented."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.testbed.product import ROOT

WIDEST_FOLDER = 16
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
LONGER_FUNCTIONS = 4
LEAST_DOCUMENTED = 0.95

MODULES = sorted((ROOT / "app").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_two_modules_have_one_name() -> None:
    """Modules that begin or run a package have the names that Python gives them."""
    modules = defaultdict(list)
    for path in MODULES:
        if path.name not in ("__init__.py", "__main__.py"):
            modules[path.name].append(name_of(path))
    assert not {name: paths for name, paths in modules.items() if len(paths) > 1}


def test_no_two_public_classes_have_one_name() -> None:
    """The client's `Fleet` that blocks has the name that its users know, beside the server's."""
    classes = defaultdict(set)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].add(name_of(path))
    shared = {name: paths for name, paths in classes.items() if len(paths) > 1}
    assert shared == {"Fleet": {"app/client/blocking_fleet.py", "app/fleet/fleet.py"}}


def test_no_folder_is_wider_than_a_screen() -> None:
    folders = defaultdict(list)
    for path in MODULES:
        folders[name_of(path.parent)].append(path.name)
    assert not {name: len(files) for name, files in folders.items() if len(files) > WIDEST_FOLDER}


def test_no_module_is_long() -> None:
    lengths = {name_of(path): path.read_text().count("\n") for path in MODULES}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_MODULE}


def test_few_functions_are_long() -> None:
    lengths = {
        f"{name_of(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function) and node.end_lineno
    }
    longer = {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}
    assert len(longer) <= LONGER_FUNCTIONS, longer


def test_what_others_use_is_documented() -> None:
    documented = {name: has for path in MODULES for name, has in public(path)}
    share = sum(documented.values()) / len(documented)
    sys.stdout.write(f"{share:.1%} of {len(documented)} public names have a docstring\n")
    assert share >= LEAST_DOCUMENTED, sorted(name for name, has in documented.items() if not has)


def public(path: Path) -> Iterator[tuple[str, bool]]:
    """The module and each public definition in it, and whether it has a docstring.

    What is nested in functions is private, and so is what is in private classes. Of what has overloads,
    the implementation is documented.
    """
    module = ast.parse(path.read_text())
    yield name_of(path), bool(ast.get_docstring(module))
    for name, node in definitions(module, name_of(path)):
        yield name, bool(ast.get_docstring(node))


def definitions(
    within: ast.Module | ast.ClassDef, place: str
) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for node in within.body:
        if (
            isinstance(node, Function | ast.ClassDef)
            and not node.name.startswith("_")
            and not overloads(node)
        ):
            yield f"{place}:{node.lineno} {node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node, place)


def overloads(node: Function | ast.ClassDef) -> bool:
    """Whether a definition is one of several signatures of a function."""
    return any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)


# `folder/file.py`, or `folder/file.py:Class.method` for what is defined there.
REFERENCE = re.compile(
    r"`((?:app|tests|bench|docs|config|scripts|deploy|\.ci)/[\w./-]*)(?::([A-Za-z_][\w.]*))?`"
)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_what_documents_for_contributors_name_exists(document: str) -> None:
    references = REFERENCE.findall((ROOT / document).read_text())
    assert len(references) > 50
    missing = [
        f"{path}:{name}" if name else path
        for path, name in references
        if not (ROOT / path).exists() or (name and not is_defined(ROOT / path, name.split(".")))
    ]
    assert not missing


LINK = re.compile(r"\]\(([^)\s:#]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"(?m)^#+ (.+)$")


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_links_of_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]
    dead = []
    for document in documents:
        for target, anchor in LINK.findall(document.read_text()):
            path = document.parent / target if target else document
            # GitHub's own, as of an image for a dark theme, are no headings.
            known = path.suffix != ".md" or not anchor or anchor in anchors(path.read_text())
            if not path.exists() or not known:
                dead.append(f"{name_of(document)}: {target}#{anchor}")
    assert len(documents) > 5
    assert not dead


def is_defined(path: Path, names: list[str]) -> bool:
    """Whether a class or function of this name is in the module, or nested in one that is."""
    within: list[ast.stmt] = ast.parse(path.read_text()).body
    for name in names:
        nodes = [node for node in within if isinstance(node, Function | ast.ClassDef) and node.name == name]
        if not nodes:
            return False
        within = nodes[0].body
    return True
