"""The objects that a simulated cluster holds when its life begins, repeatable by their seed."""
