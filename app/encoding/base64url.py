"""Bytes as text of base64url without padding (RFC 4648, section 5), as tokens and cursors are."""

import base64


def to_text(data: bytes) -> str:
    """Return the bytes in base64url, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def to_bytes(text: str) -> bytes:
    """Return the bytes that a text in base64url stands for. Raises ValueError for anything else."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
