"""One namespace of one cluster, as the Kubernetes API shows it: objects as they are on the wire. The only import of `kubernetes`.

Objects stay JSON: what is read here differs between versions of Kubernetes and KServe, and the client's own classes refuse what they
do not know.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import kubernetes.config as kubernetes_config
import urllib3.exceptions
import websocket
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.stream.ws_client import portforward_call

from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable, InvalidConfiguration

Object = Mapping[str, Any]
SECONDS = 20.0
POD_SECONDS = 5.0
IN_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Forbidden(DependencyBadResponse):
    """The cluster knows who asks and refuses: a question that is left out, and said so, where it is not the main one."""


@dataclass
class Cluster:
    """Raises DependencyError from every question; each takes at most SECONDS."""

    client: ApiClient
    namespace: str
    context: str | None
    _kinds: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Object:
        """The JSON at a path of the API. Raises DependencyBadResponse also where there is nothing."""
        found = self.find(path, **query)
        if found is None:
            raise DependencyBadResponse(f"{self}: there is no {path}")
        return found

    def find(self, path: str, **query: str) -> Object | None:
        """The JSON at a path of the API, or None where there is nothing."""
        body = self._call(path, query)
        try:
            return None if body is None else dict(json.loads(body))
        except ValueError as error:
            raise DependencyBadResponse(f"{self}: {path} is not JSON: {body!r:.100}") from error

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects of a list; none where the cluster does not know the kind."""
        found = self.find(path, **query)
        return [] if found is None else list(found.get("items") or [])

    def ask_pod(self, pod: str, port: int, path: str) -> str:
        """The body that a pod answers to a GET, through a port that is forwarded as `kubectl port-forward` does.

        It arrives as the pod's own loopback, where no network policy holds it back.
        """
        query = [("ports", str(port))]
        request = self._request(f"{self.of_namespace('v1', 'pods')}/{pod}/portforward", query)
        try:
            websocket.setdefaulttimeout(POD_SECONDS)
            forward = portforward_call(self.client.configuration, "GET", request[1], headers=request[2])
        except ApiException as error:
            raise DependencyUnavailable(f"pod {pod} cannot be asked: {' '.join(str(error.reason).split())[:200]}") from error
        try:
            return _http_get(forward.socket(port), path)
        except (OSError, HTTPException, LookupError) as error:
            reason = forward.error(port) or error
            raise DependencyUnavailable(f"pod {pod} does not answer {path} on port {port} ({' '.join(str(reason).split())})") from error
        finally:
            forward.close()

    def of_namespace(self, api_version: str, plural: str) -> str:
        """The path of all objects of a kind in this namespace."""
        return f"{_root(api_version)}/namespaces/{self.namespace}/{plural}"

    def path_of(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        """Where an object is; None where the cluster does not know the kind."""
        root = _root(api_version)
        if api_version not in self._kinds:
            listed = self.find(root) or {}
            own = [resource for resource in listed.get("resources", []) if "/" not in resource["name"]]
            self._kinds[api_version] = {resource["kind"]: (resource["name"], resource["namespaced"]) for resource in own}
        if kind not in self._kinds[api_version]:
            return None
        plural, namespaced = self._kinds[api_version][kind]
        return f"{root}/namespaces/{namespace}/{plural}/{name}" if namespaced else f"{root}/{plural}/{name}"

    def __str__(self) -> str:
        return f"the cluster at {self.client.configuration.host}"

    def _request(self, path: str, query: list[tuple[str, str]]) -> Any:
        return self.client.param_serialize("GET", path, query_params=query, header_params={"Accept": "*/*"}, auth_settings=["BearerToken"])

    def _call(self, path: str, query: Mapping[str, str]) -> bytes | None:
        try:
            response = self.client.call_api(*self._request(path, list(query.items())), _request_timeout=SECONDS)
            content = bytes(response.read())
        except urllib3.exceptions.TimeoutError as error:
            raise DependencyTimeout(f"{self} did not answer {path} within {SECONDS:.0f} s") from error
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise DependencyUnavailable(f"{self} cannot be reached ({error}): is the context {self.context!r} the right one?") from error
        if response.status == 404:
            return None
        if not 200 <= response.status < 300:
            self._refused(response.status, path, content)
        return content

    def _refused(self, status: int, path: str, content: bytes) -> None:
        try:
            said = str(json.loads(content)["message"])
        except (ValueError, LookupError, TypeError):
            said = content.decode(errors="replace")[:200]
        if status == 401:
            raise DependencyBadResponse(f"{self} does not know you (401 {said}): log in again, or choose another context")
        if status == 403:
            raise Forbidden(f"{self} refuses: {said}")
        raise DependencyBadResponse(f"{self} answered {status} to {path}: {said}")


def _http_get(connected: socket.socket, path: str) -> str:
    connection = HTTPConnection("localhost", timeout=POD_SECONDS)
    connection.sock = connected
    connected.settimeout(POD_SECONDS)
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    body = response.read().decode(errors="replace")
    if response.status != 200:
        raise LookupError(f"{response.status} {body[:200]}")
    return body


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def connect(context: str | None, namespace: str | None) -> Cluster:
    """The cluster that kubectl would use (KUBECONFIG, the current context), or the one around this pod. Raises InvalidConfiguration."""
    configuration = Configuration()
    try:
        contexts, current = kubernetes_config.list_kube_config_contexts()
        kubernetes_config.load_kube_config(context=context, client_configuration=configuration)
        chosen = current if context is None else next(entry for entry in contexts if entry["name"] == context)
        name, found = str(chosen["name"]), str(chosen["context"].get("namespace") or "default")
    except kubernetes_config.ConfigException as error:
        if context is not None:
            raise InvalidConfiguration(f"no context {context!r}: {error}") from error
        name, found = None, _around(configuration, error)
    # A refused connection is an answer: three more tries only make it late.
    configuration.retries = False
    return Cluster(ApiClient(configuration), namespace or found, name)


def _around(configuration: Configuration, reason: Exception) -> str:
    try:
        kubernetes_config.load_incluster_config(client_configuration=configuration)
        return IN_POD_NAMESPACE.read_text().strip()
    except (kubernetes_config.ConfigException, OSError):
        raise InvalidConfiguration(f"no cluster is configured: name one with KUBECONFIG or --context ({reason})") from reason
