"""The endpoints that change objects of clusters."""
