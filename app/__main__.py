"""``python -m app`` is the k8s-mcp command."""

from app.cli import main

main()
