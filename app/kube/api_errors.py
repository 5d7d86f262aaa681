"""The exceptions for what goes wrong between this process and an API server."""


class AccessError(Exception):
    """A cluster cannot be spoken to as configured; one line for humans."""


class ConnectionFailed(Exception):
    """No answer: could not connect, lost, timed out, TLS refused. One line for humans."""


class UnreadableAnswer(ConnectionFailed):
    """There was an answer, but not one as a Kubernetes API server gives."""


class CannotConnect(ConnectionFailed):
    """There was no connection, so that nothing can have been asked."""


class AnswerTooLarge(ConnectionFailed):
    """An answer is longer than anything that is in order (`app.kube.answer_limits`), so it is not read on."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer is longer than {most // 1024:,} KiB")


class ApiError(Exception):
    """The API server answered with an error.

    ``reason`` and ``causes`` are those of its Status, ``retry_after`` is in seconds; ``credential``
    says in words what it was shown.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str = "",
        causes: tuple[str, ...] = (),
        retry_after: float | None = None,
        credential: str = "",
    ) -> None:
        refused = f"credentials refused (401){credential and f': {credential}'}"
        super().__init__(refused if status == 401 else f"{status} {message}")
        self.status = status
        self.message = message
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after
