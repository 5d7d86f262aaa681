"""Changes of objects as kube-apiserver makes them: defaults, patches, field ownership."""
