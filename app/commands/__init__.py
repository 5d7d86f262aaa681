"""The commands that ask a running server: get, describe, logs, apply, delete, scale, restart, clusters.

They know the server only through ``app.client``. What takes long to import (the client, rich)
is imported where it is used, so that no command pays for another.
"""
