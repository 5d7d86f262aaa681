"""What API servers send, decoded only as far as it is needed."""
