"""Measurements of the product against floors and peers, each pair taken in the same run."""
