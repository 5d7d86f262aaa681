"""The version of k8s-mcp-server."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


def version() -> str:
    """Return the version of the installed package, ``0+checkout`` where it is not installed."""
    try:
        return version_of("k8s-mcp-server")
    except PackageNotFoundError:
        return "0+checkout"
