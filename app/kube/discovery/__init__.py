"""Which resources an API server serves, and what people call them."""
