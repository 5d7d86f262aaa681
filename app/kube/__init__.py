"""One Kubernetes API server: raw bytes in and out. Knows nothing of the cache."""
