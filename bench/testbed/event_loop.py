"""The event loop of the processes that tests and measurements start."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def asyncio_alone() -> Iterator[None]:
    """Have processes that are started find no uvloop, as where the extra is not installed.

    One that is started with PYTHONPATH empty finds it.
    """
    before = os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory(prefix="without-uvloop-") as folder:
        (Path(folder) / "uvloop.py").write_text(f'raise ImportError("hidden by {__name__}")\n')
        os.environ["PYTHONPATH"] = folder if not before else f"{folder}{os.pathsep}{before}"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
