"""The endpoints that write; part of the table in `app.api.routes`."""

from collections.abc import Mapping

from app.api.http.endpoint import Endpoint
from app.api.http.query_parameters import Parameter
from app.api.write import apply_endpoint, write_endpoints
from app.api.write.write_request import FIELD_VALIDATION, JSON, YAML
from app.api.write.write_results import WRITTEN_FORMATS
from app.fleet.cluster_request import APPLY, EDIT, JSON_PATCH, MERGE, STRATEGIC
from app.writes.cluster_writes import DRY_RUN

WHERE = (
    Parameter(
        "cluster",
        "Names of clusters, separated by commas, or * for all. May be left out where there is but one.",
        repeats=True,
    ),
    Parameter("namespace", "The namespace, which kinds that are in one need."),
)
_DRY_RUN = Parameter("dryRun", "All: show what would be done, and change nothing.", {"enum": [DRY_RUN]})
_FORCE = Parameter("force", "Take over fields that others manage.", {"type": "boolean"})
_MANAGED = (
    _DRY_RUN,
    Parameter("fieldManager", "Who manages the fields; k8s-mcp if left out."),
    Parameter("fieldValidation", "What becomes of fields that are not known.", {"enum": [*FIELD_VALIDATION]}),
)
_FORMAT = Parameter("format", "Of the answer.", {"enum": [*WRITTEN_FORMATS], "default": "json"})
_ANSWERS = (JSON[0], YAML[0])
_OBJECT = dict.fromkeys((JSON[0], YAML[0]), "Body")
_PATCHES: Mapping[str, str] = {
    MERGE: "Patch",
    STRATEGIC: "Patch",
    JSON_PATCH: "JsonPatch",
    APPLY: "Body",
    EDIT: "Edit",
}

WRITES = (
    Endpoint(
        "/apply",
        apply_endpoint.apply_manifest,
        "Apply a manifest, server-side.",
        (*WHERE, *_MANAGED, _FORCE),
        schema="Results",
        method="POST",
        body=dict.fromkeys((JSON[0], YAML[0]), "Manifest"),
        several=True,
    ),
    Endpoint(
        "/{resource}",
        write_endpoints.create,
        "Create an object.",
        (*WHERE, _FORMAT, *_MANAGED),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="POST",
        body=_OBJECT,
        several=True,
    ),
    Endpoint(
        "/{resource}/{name}",
        write_endpoints.patch,
        "Change an object.",
        (*WHERE, _FORMAT, *_MANAGED, _FORCE),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="PATCH",
        body=_PATCHES,
        several=True,
    ),
    Endpoint(
        "/{resource}/{name}",
        write_endpoints.replace,
        "Replace an object.",
        (*WHERE, _FORMAT, *_MANAGED),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="PUT",
        body=_OBJECT,
        several=True,
    ),
    Endpoint(
        "/{resource}/{name}",
        write_endpoints.delete,
        "Delete an object.",
        (
            *WHERE,
            _FORMAT,
            _DRY_RUN,
            Parameter(
                "propagationPolicy",
                "What becomes of what it owns; Background if left out.",
                {"enum": [*write_endpoints.PROPAGATION]},
            ),
            Parameter("gracePeriodSeconds", "Seconds that it has to end.", {"type": "integer", "minimum": 0}),
        ),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="DELETE",
        several=True,
    ),
    Endpoint(
        "/{resource}/{name}/scale",
        write_endpoints.scale,
        "Set the number of replicas of a workload.",
        (*WHERE, _FORMAT, *_MANAGED),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="POST",
        body={JSON[0]: "Replicas"},
        several=True,
    ),
    Endpoint(
        "/{resource}/{name}/restart",
        write_endpoints.restart,
        "Restart a workload, as kubectl rollout restart does.",
        (*WHERE, _FORMAT, *_MANAGED),
        media=_ANSWERS,
        schema="ObjectOrResults",
        method="POST",
        several=True,
    ),
)
