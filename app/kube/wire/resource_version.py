"""The resourceVersion of objects and lists, which is text on the wire and a number here."""

# API servers read versions as 64 bits without a sign.
LARGEST_VERSION = 2**64 - 1


def version_number(text: str) -> int | None:
    """Return a resourceVersion as a number; None where it is none of 64 bits."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        return None
    number = int(text)
    return number if number <= LARGEST_VERSION else None
