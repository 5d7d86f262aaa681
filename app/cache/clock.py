"""The order of everything that changes in this process, across all stores."""


class Clock:
    """Counts steps. A step is one change of one store, however many objects it touches.

    A reader that has seen all up to a step needs no other position: one number stands
    for every store, in whichever versions these count.
    """

    def __init__(self) -> None:
        self.now = 0

    def tick(self) -> int:
        """Begin the next step, and return it."""
        self.now += 1
        return self.now


CLOCK = Clock()
