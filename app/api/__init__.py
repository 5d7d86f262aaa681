"""One module an endpoint family; handlers only."""
