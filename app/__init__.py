"""k8s-mcp-server: a management control plane for many Kubernetes clusters."""
