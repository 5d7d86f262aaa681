"""Logs of pods and of all pods of a workload, merged in the order of their times."""
