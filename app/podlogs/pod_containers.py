"""The containers of a pod, and which of them write nothing more."""

from typing import Literal

import msgspec

_RESTART = "Restart"


class _Ended(msgspec.Struct):
    exitCode: int = 0


class _Running(msgspec.Struct):
    pass


class _State(msgspec.Struct):
    running: _Running | None = None
    terminated: _Ended | None = None


class _ContainerStatus(msgspec.Struct):
    name: str = ""
    state: _State | None = None


class _ExitCodes(msgspec.Struct):
    operator: str = ""
    values: list[int] | None = None


class _Rule(msgspec.Struct):
    action: str = ""
    exitCodes: _ExitCodes | None = None

    def restarts(self, exit_code: int) -> bool:
        if not self.action.startswith(_RESTART) or self.exitCodes is None:
            return False
        return (exit_code in (self.exitCodes.values or ())) == (self.exitCodes.operator == "In")


class _Container(msgspec.Struct):
    name: str = ""
    restartPolicy: str | None = None
    restartPolicyRules: list[_Rule] | None = None


class PodSpec(msgspec.Struct):
    """The spec of a pod, or of a pod template, as far as logs are concerned."""

    containers: list[_Container] | None = None
    initContainers: list[_Container] | None = None
    ephemeralContainers: list[_Container] | None = None
    restartPolicy: str | None = None

    def names(self) -> list[str]:
        """Of all containers, in kubectl's order."""
        kinds = (self.initContainers, self.containers, self.ephemeralContainers)
        return [container.name for kind in kinds for container in kind or ()]


class _PodStatus(msgspec.Struct):
    phase: str | None = None
    initContainerStatuses: list[_ContainerStatus] | None = None
    containerStatuses: list[_ContainerStatus] | None = None
    ephemeralContainerStatuses: list[_ContainerStatus] | None = None


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    deletionTimestamp: str | None = None


_Kind = Literal["init", "main", "ephemeral"]
_OfKind = tuple[_Kind, list[_Container] | None, list[_ContainerStatus] | None]


class Pod(msgspec.Struct):
    """A pod, as far as its logs are concerned."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: _PodStatus | None = None

    def has_ended(self, name: str) -> bool:
        """Whether a container has ended and will not be started again."""
        status = self.status or _PodStatus()
        if status.phase in ("Succeeded", "Failed"):
            return True
        kinds: tuple[_OfKind, ...] = (
            ("init", self.spec.initContainers, status.initContainerStatuses),
            ("main", self.spec.containers, status.containerStatuses),
            ("ephemeral", self.spec.ephemeralContainers, status.ephemeralContainerStatuses),
        )
        for kind, containers, statuses in kinds:
            for container in containers or ():
                if container.name == name:
                    exit_code = _exit_code(name, statuses or [])
                    return exit_code is not None and not self._restarts(kind, container, exit_code)
        return True

    def runs(self, name: str) -> bool:
        """Whether a container has started, and has not ended."""
        status = self.status or _PodStatus()
        kinds = (status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses)
        states = [of_one.state for statuses in kinds for of_one in statuses or () if of_one.name == name]
        return any(state is not None and state.running is not None for state in states)

    def _restarts(self, kind: _Kind, container: _Container, exit_code: int) -> bool:
        if kind == "ephemeral" or self.metadata.deletionTimestamp:
            return False
        if any(rule.restarts(exit_code) for rule in container.restartPolicyRules or ()):
            return True
        policy = container.restartPolicy or self.spec.restartPolicy or "Always"
        if policy == "Always" and (kind == "main" or container.restartPolicy):
            return True
        return policy != "Never" and exit_code != 0


def _exit_code(name: str, statuses: list[_ContainerStatus]) -> int | None:
    """How a container ended; None while it has not."""
    for status in statuses:
        if status.name == name and status.state is not None and status.state.terminated is not None:
            return status.state.terminated.exitCode
    return None
