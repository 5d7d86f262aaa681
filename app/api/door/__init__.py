"""Who is let in, how much each caller may take, and what is written down about it."""
