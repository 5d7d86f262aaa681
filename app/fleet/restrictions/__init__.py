"""Which clusters and namespaces the settings restrict, whatever becomes of the kubeconfigs."""
