"""What is known now, and what changed. Knows nothing of Kubernetes API servers."""
