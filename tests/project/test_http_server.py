"""That only those rooms know aiohttp's server that answer HTTP."""

import ast
from pathlib import Path

import app

FOLDER = Path(app.__file__).parent
# The simulator stands alone: it plays API servers.
ANSWERING = ("api/", "kubeapi/", "simulator/", "server.py")


def _imports_web(module: Path) -> bool:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import) and any(name.name.startswith("aiohttp.web") for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom):
            names = {name.name for name in node.names}
            if (node.module == "aiohttp" and "web" in names) or (node.module or "").startswith("aiohttp.web"):
                return True
    return False


def test_only_what_answers_http_knows_the_server_of_aiohttp() -> None:
    modules = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.py")}
    knowing = {name for name, path in modules.items() if _imports_web(path)}
    assert {"api/routes.py", "kubeapi/dispatch.py", "server.py"} <= knowing
    assert [name for name in sorted(knowing) if not name.startswith(ANSWERING)] == []
