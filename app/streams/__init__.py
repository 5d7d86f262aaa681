"""From changes to frames; so far the cursor that a list hands out."""
