"""What writes take and answer, for the OpenAPI document."""

from typing import Any

_ERROR = {"$ref": "#/components/schemas/Problem"}
_ANSWERED = {"$ref": "#/components/schemas/Object"}

SCHEMAS: dict[str, dict[str, Any]] = {
    "Body": {
        "type": "object",
        "description": "An object as Kubernetes takes it; a member cluster is taken off.",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        },
    },
    "Manifest": {
        "type": "object",
        "description": "An object, or a List of some. YAML has as many documents as it likes, JSON an array.",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "items": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Patch": {"type": "object", "description": "The members to change; null takes one off."},
    "JsonPatch": {
        "type": "array",
        "description": "RFC 6902.",
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"type": "string"},
                "from": {"type": "string"},
                "value": {},
            },
        },
    },
    "Edit": {
        "type": "object",
        "description": "The YAML of an object before and after it was edited.",
        "required": ["before", "after"],
        "properties": {"before": {"type": "string"}, "after": {"type": "string"}},
        "additionalProperties": False,
    },
    "Replicas": {
        "type": "object",
        "required": ["replicas"],
        "properties": {"replicas": {"type": "integer", "minimum": 0, "maximum": 2147483647}},
        "additionalProperties": False,
    },
    "Results": {
        "type": "object",
        "required": ["results"],
        "properties": {
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["cluster", "status"],
                    "properties": {
                        "cluster": {"type": "string"},
                        "status": {"type": "integer"},
                        "object": _ANSWERED,
                        "error": _ERROR,
                        "documents": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["kind", "namespace", "name", "status"],
                                "properties": {
                                    "kind": {"type": "string"},
                                    "namespace": {"type": ["string", "null"]},
                                    "name": {"type": "string"},
                                    "status": {"type": "integer"},
                                    "object": _ANSWERED,
                                    "error": _ERROR,
                                },
                            },
                        },
                    },
                },
            }
        },
    },
    "ObjectOrResults": {
        "anyOf": [{"$ref": "#/components/schemas/Results"}, _ANSWERED],
    },
}
