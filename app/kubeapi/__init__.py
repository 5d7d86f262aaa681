"""Each cluster's own API below ``/clusters/{cluster}/``: cached where that is right, else forwarded."""
