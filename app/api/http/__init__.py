"""What all endpoints share: parameters, formats, problems, bodies, metrics."""
