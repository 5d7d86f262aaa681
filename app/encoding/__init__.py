"""Small encodings that several parts need."""
