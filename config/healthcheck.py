"""Asks the server of this container whether it is alive; the exit status says so.

Set K8S_MCP_PORT, not --port, where it is to listen on another port, so that it is known here too.
"""

import os
import ssl
import sys
import urllib.request

PORT = os.environ.get("K8S_MCP_PORT", "8000")
# The certificate is for the names that callers use, which 127.0.0.1 is none of.
UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE

for scheme in ("http", "https"):
    try:
        with urllib.request.urlopen(f"{scheme}://127.0.0.1:{PORT}/healthz", timeout=2, context=UNVERIFIED):
            sys.exit(0)
    except OSError as error:
        sys.stderr.write(f"{scheme}: {error}\n")
sys.exit(1)
