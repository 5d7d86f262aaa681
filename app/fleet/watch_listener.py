"""The one way in which what happens to a cluster's watches reaches the cluster."""

from typing import Protocol


class WatchListener(Protocol):
    """What is done when something happens to the watches of a cluster. No call may wait for anything.

    Stores, watches and definitions are changed before the call, so that their state can be read in it.
    """

    def condition_changed(self) -> None:
        """The condition of a watch is another."""

    def list_replaced(self) -> None:
        """A list has replaced what a store held: another cluster may answer under the old address."""

    def watches_changed(self) -> None:
        """Other resources are watched than before."""

    def resource_gone(self) -> None:
        """The API server turned out not to have a resource any more."""

    def definitions_changed(self) -> None:
        """Other custom resources are defined than before, or the same in another way."""
