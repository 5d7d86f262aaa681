"""One write to one or several clusters: manifests, edits, patches, and what protects stored values."""
