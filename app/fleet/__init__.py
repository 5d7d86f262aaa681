"""Joins kube and cache: the clusters, their lifecycle and their health."""
