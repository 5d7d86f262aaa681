"""``python -m app.client.stdin_guard …``: k8s-mcp, until its standard input ends.

A pipe from another process ends with that process, however it dies.
"""

import os
import runpy
import signal
import sys
import threading


def _follow_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_follow_input, daemon=True).start()
    runpy.run_module("app", run_name="__main__", alter_sys=True)
