"""The resources that a simulated cluster serves; those of custom resource definitions come and go."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from app.simulator.apiserver.api_failures import ApiFailure

Obj = dict[str, Any]

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# Group and version, then plural, kind (* for cluster-scoped), short names, +subresources.
_TABLE = """
v1
    configmaps ConfigMap cm
    endpoints Endpoints ep
    events Event ev
    limitranges LimitRange limits
    namespaces *Namespace ns +status
    nodes *Node no +status
    persistentvolumeclaims PersistentVolumeClaim pvc +status
    persistentvolumes *PersistentVolume pv +status
    pods Pod po +status +log
    resourcequotas ResourceQuota quota +status
    secrets Secret
    serviceaccounts ServiceAccount sa
    services Service svc +status
apiextensions.k8s.io/v1
    customresourcedefinitions *CustomResourceDefinition crd crds +status
apps/v1
    controllerrevisions ControllerRevision
    daemonsets DaemonSet ds +status
    deployments Deployment deploy +status +scale
    replicasets ReplicaSet rs +status +scale
    statefulsets StatefulSet sts +status +scale
autoscaling/v2
    horizontalpodautoscalers HorizontalPodAutoscaler hpa +status
batch/v1
    cronjobs CronJob cj +status
    jobs Job +status
coordination.k8s.io/v1
    leases Lease
discovery.k8s.io/v1
    endpointslices EndpointSlice
networking.k8s.io/v1
    ingressclasses *IngressClass
    ingresses Ingress ing +status
    networkpolicies NetworkPolicy netpol
policy/v1
    poddisruptionbudgets PodDisruptionBudget pdb +status
rbac.authorization.k8s.io/v1
    clusterrolebindings *ClusterRoleBinding
    clusterroles *ClusterRole
    rolebindings RoleBinding
    roles Role
scheduling.k8s.io/v1
    priorityclasses *PriorityClass pc
storage.k8s.io/v1
    storageclasses *StorageClass sc
"""


class ServedResource(msgspec.Struct, frozen=True):
    """One resource in one version. ``typed`` ones are built in: their lists leave out kind and apiVersion of
    items."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    typed: bool = True

    @property
    def name(self) -> str:
        """The name, ``deployments.apps`` or ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def head(self) -> dict[str, str]:
        """The members that every object begins with; objects of definitions have their members sorted."""
        if self.typed:
            return {"kind": self.kind, "apiVersion": self.api_version}
        return {"apiVersion": self.api_version, "kind": self.kind}

    def encoded(self, obj: Obj) -> bytes:
        """Return the JSON of an object."""
        return orjson.dumps(obj, option=0 if self.typed else orjson.OPT_SORT_KEYS)

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that discovery lists."""
        if self.kind == "Namespace":
            return tuple(verb for verb in _VERBS if verb != "deletecollection")
        return _VERBS

    def failure(self, reason: str, message: str, name: str, **details: Any) -> ApiFailure:
        """A failure about the object of this name."""
        return ApiFailure(reason, message, name=name, group=self.group, kind=self.plural, **details)

    def missing(self, name: str) -> ApiFailure:
        """The 404 for an object of this name."""
        return self.failure("NotFound", f'{self.name} "{name}" not found', name)


def _built_in() -> Iterator[ServedResource]:
    group = version = ""
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            group, _, version = line.rpartition("/")
            continue
        plural, kind, *rest = line.split()
        yield ServedResource(
            group,
            version,
            plural,
            kind.lstrip("*").lower(),
            kind.lstrip("*"),
            not kind.startswith("*"),
            tuple(word for word in rest if not word.startswith("+")),
            ("all",) if group in ("apps", "batch") or plural in ("pods", "services") else (),
            tuple(word[1:] for word in rest if word.startswith("+")),
        )


class Registry:
    """The served resources by name, and by group and kind."""

    def __init__(self) -> None:
        self._by_name: dict[str, ServedResource] = {}
        self._by_kind: dict[tuple[str, str], ServedResource] = {}
        for served in _built_in():
            self._add(served)

    def __iter__(self) -> Iterator[ServedResource]:
        return iter([*self._by_name.values()])

    def get(self, name: str) -> ServedResource | None:
        """Return the resource of this name, None where it is not served."""
        return self._by_name.get(name)

    def of(self, obj: Mapping[str, Any]) -> ServedResource:
        """Return the resource of an object. Raises ApiFailure where it is not served."""
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        served = self._by_kind.get((group, str(obj.get("kind"))))
        if served is None:
            raise ApiFailure("NotFound", f"no resource for {obj.get('apiVersion')} {obj.get('kind')}")
        return served

    def follow(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        """Serve or stop serving the resource of a definition that was changed."""
        for served in _defined(old) if old is not None else ():
            self._by_name.pop(served.name, None)
            self._by_kind.pop((served.group, served.kind), None)
        for served in _defined(new) if new is not None else ():
            self._add(served)

    def _add(self, served: ServedResource) -> None:
        self._by_name[served.name] = served
        self._by_kind[served.group, served.kind] = served


def _defined(definition: Mapping[str, Any]) -> Iterator[ServedResource]:
    spec = definition["spec"]
    names = spec["names"]
    version = next((each for each in spec["versions"] if each.get("storage")), None)
    if version is None or not version.get("served"):
        return
    yield ServedResource(
        spec["group"],
        version["name"],
        names["plural"],
        names.get("singular") or names["kind"].lower(),
        names["kind"],
        spec.get("scope") == "Namespaced",
        tuple(names.get("shortNames") or ()),
        tuple(names.get("categories") or ()),
        ("status",) if "status" in (version.get("subresources") or {}) else (),
        typed=False,
    )


def with_accepted_names(definition: Obj, now: str) -> Obj:
    """Return a definition with the status that an API server sets when it accepts the names."""
    spec = definition["spec"]
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    names = {**spec["names"]}
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    status = {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}
    return {**definition, "spec": {**spec, "names": names}, "status": status}
