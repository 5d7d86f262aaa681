"""Queries over stores: selectors, paths, order, pages, projection."""
