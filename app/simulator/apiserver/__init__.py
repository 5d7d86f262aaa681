"""A Kubernetes API server over HTTP whose objects lie in memory."""
