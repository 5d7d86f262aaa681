"""The cheapest server that passes for many clusters with many pods: answers are bytes made beforehand.

``python -m bench.stub FOLDER CLUSTERS PODS`` writes FOLDER/kubeconfig and serves until it is ended.
"""

import asyncio
import sys
from pathlib import Path

import orjson
import yaml
from aiohttp import web

from bench.pods import encoded, page
from tests.kubernetes.processes import free_port

PODS = "/api/v1/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_WATCH_SECONDS = 300.0


class Stub:
    """All clusters hold the same pods; watches tell of nothing.

    Lists are paged as asked, save those with resourceVersion=0: a kube-apiserver answers them from its
    cache, whole.
    """

    def __init__(self, pods: int) -> None:
        self._version = 1000 + pods
        self._items = encoded(pods)
        self._pages: dict[tuple[int, int], bytes] = {}
        self._documents = {
            "/version": _json({"gitVersion": "v1.33.0", "major": "1", "minor": "33"}),
            "/api": _json(_discovery("", "pods", "Pod", "Namespaced")),
            "/apis": _json(
                _discovery(
                    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", "Cluster"
                )
            ),
            DEFINITIONS: _json(
                {
                    "kind": "CustomResourceDefinitionList",
                    "apiVersion": "apiextensions.k8s.io/v1",
                    "metadata": {"resourceVersion": str(self._version)},
                    "items": [],
                }
            ),
        }

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{cluster}/{path:.*}", self._get)
        return application

    async def _get(self, request: web.Request) -> web.StreamResponse:
        path = f"/{request.match_info['path']}"
        if request.query.get("watch") in ("1", "true"):
            return await self._watch(request)
        if path == PODS:
            return web.Response(body=self._page(request), content_type="application/json")
        if path == "/api/v1/namespaces/kube-system":
            uid = f"uid-of-{request.match_info['cluster']}"
            metadata = {"name": "kube-system", "uid": uid, "resourceVersion": "1"}
            return web.json_response({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata})
        if path in self._documents:
            kind = _DISCOVERY if path in ("/api", "/apis") else "application/json"
            return web.Response(body=self._documents[path], headers={"Content-Type": kind})
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "NotFound",
            "code": 404,
        }
        return web.json_response(status, status=404)

    def _page(self, request: web.Request) -> bytes:
        start = int(request.query.get("continue", 0))
        whole = request.query.get("resourceVersion") == "0"
        limit = 0 if whole else int(request.query.get("limit", 0))
        limit = limit or len(self._items)
        known = self._pages.get((start, limit))
        if known is None:
            end = start + limit
            left = len(self._items) - end
            more = str(end) if left > 0 else ""
            known = self._pages[start, limit] = page(self._items[start:end], self._version, more, left)
        return known

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await asyncio.sleep(_WATCH_SECONDS)
        return answer


def _json(document: object) -> bytes:
    return orjson.dumps(document)


def _discovery(group: str, plural: str, kind: str, scope: str) -> dict[str, object]:
    resource = {
        "resource": plural,
        "responseKind": {"group": group, "version": "v1", "kind": kind},
        "scope": scope,
        "singularResource": kind.lower(),
        "verbs": ["get", "list", "watch"],
    }
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group},
                "versions": [{"version": "v1", "resources": [resource], "freshness": "Current"}],
            }
        ],
    }


def kubeconfig(servers: dict[str, str]) -> str:
    """A kubeconfig whose contexts are these names, at these URLs."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": url}} for name, url in servers.items()],
            "users": [{"name": "bench", "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "bench"}} for name in servers],
        }
    )


def main() -> None:
    folder, clusters, pods = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    port = free_port()
    servers = {f"bench-{number}": f"http://127.0.0.1:{port}/{number}" for number in range(clusters)}
    application = Stub(pods).application()

    async def started(_: web.Application) -> None:
        unfinished = folder / "kubeconfig.part"
        unfinished.write_text(kubeconfig(servers))
        unfinished.rename(folder / "kubeconfig")

    application.on_startup.append(started)
    web.run_app(application, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
