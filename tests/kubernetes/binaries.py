"""Where the binaries of Kubernetes are, for tests that need real control planes."""

import os
from pathlib import Path

import pytest


def assets(*needed: str) -> Path:
    """The folder of the Kubernetes binaries.

    Skips the test where it is not named or lacks one of ``needed``; where ``CI`` is set, that fails.
    """
    named = os.environ.get("KUBEBUILDER_ASSETS")
    missing = [name for name in needed if not named or not (Path(named) / name).exists()]
    if named and not missing:
        return Path(named)
    reason = (
        f"KUBEBUILDER_ASSETS={named} lacks {', '.join(missing)}" if named else "KUBEBUILDER_ASSETS is not set"
    )
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and in CI no test may be skipped")
    pytest.skip(reason)
