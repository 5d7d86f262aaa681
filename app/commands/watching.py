"""``k8s-mcp get --watch``: what there is and then each change, as lines, or as a live table on a terminal."""
