"""Kubeconfigs and what is in them: contexts, credentials, certificates, proxies."""
