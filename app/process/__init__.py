"""What concerns the process as a whole: pauses of the garbage collector, open files, lines on stderr."""
