"""What makes simulated clusters live: controllers, kubelets and the incidents of everyday."""
