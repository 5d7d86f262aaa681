"""Reads and watches of a cluster's own API that the cache answers."""
