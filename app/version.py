"""Which version of k8s-mcp-server this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


def version() -> str:
    try:
        return version_of("k8s-mcp-server")
    except PackageNotFoundError:
        return "0+checkout"
