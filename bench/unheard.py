"""A store is filled without a cluster to hear of it."""


class _Unheard:
    """A listener (`app.fleet.watch_listener.WatchListener`) that does nothing."""

    def condition_changed(self) -> None:
        pass

    def list_replaced(self) -> None:
        pass

    def watches_changed(self) -> None:
        pass

    def resource_gone(self) -> None:
        pass

    def definitions_changed(self) -> None:
        pass


UNHEARD = _Unheard()
