"""What the chart becomes in a cluster, rendered by Helm's own library, and what a cluster wants."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.production.compose import DEPLOY

CHART = DEPLOY / "helm" / "doublet"
KUBERNETES = "v1.33.0"
KEDA = "github.com/kedacore/keda/v2@v2.18.0"

Manifest = dict[str, Any]


def render(values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """`helm template doublet CHART`, as documents."""
    helm = pytest.importorskip("helm_python", reason="Helm's library is not installed: tools.lock")
    with helm.Chart.load(CHART) as chart:
        rendered = chart.render(dict(values or {}), name="doublet", namespace="pictures")
    return [
        document
        for name, text in sorted(rendered.items())
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]


def lint() -> dict[str, Any]:
    """`helm lint --strict CHART`."""
    helm = pytest.importorskip("helm_python", reason="Helm's library is not installed: tools.lock")
    report: dict[str, Any] = helm.lint(CHART, strict=True)
    return report


def faults(manifest: Manifest) -> list[str]:
    """What a cluster would refuse: unknown fields, wrong types, what is missing."""
    validator = (
        _keda_validator()
        if manifest["apiVersion"].startswith("keda.sh/")
        else _validator(manifest["apiVersion"], manifest["kind"])
    )
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    return [
        f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(manifest)
    ]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of one kind, by their names without the release's."""
    return {
        manifest["metadata"]["name"].removeprefix("doublet-"): manifest
        for manifest in manifests
        if manifest["kind"] == kind
    }


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods that these would start, by their part's name."""
    for kind in ("Deployment", "Job"):
        for name, manifest in of_kind(manifests, kind).items():
            yield name, manifest["spec"]["template"]["spec"]


@cache
def _validator(api_version: str, kind: str) -> Draft202012Validator:
    group = api_version.replace("/", "-").replace(".k8s.io", "")
    schema = _kubernetes() / f"{kind.lower()}-{group}.json"
    definitions = json.loads((_kubernetes() / "_definitions.json").read_text())
    known: Registry[Any] = Registry().with_contents(
        [("/api/_definitions.json", definitions)], default_specification=DRAFT4
    )
    return Draft202012Validator(json.loads(schema.read_text()), registry=known)


def _kubernetes() -> Path:
    """The folder of Kubernetes' strict schemas, which a package carries."""
    package = find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        pytest.skip("Kubernetes' schemas are not installed: tools.lock")
    return Path(package.origin).parent / "kubernetes-json-schema" / f"{KUBERNETES}-local-strict"


@cache
def _keda_validator() -> Draft202012Validator:
    """From KEDA's own definition of its resource, as its Go module carries it."""
    go = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    bases = Path(go.stdout.strip()) / KEDA / "config" / "crd" / "bases"
    file = bases / "keda.sh_scaledobjects.yaml"
    if not file.exists():
        pytest.skip(f"KEDA's definitions are not here: go mod download {KEDA}")
    [version] = yaml.safe_load(file.read_text())["spec"]["versions"]
    return Draft202012Validator(_strict(version["schema"]["openAPIV3Schema"]))


def _strict(schema: Any) -> Any:
    """Refuse what a cluster would silently drop."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    # `metadata` is everybody's, and not described here.
    if isinstance(strict.get("properties"), dict) and strict["properties"]:
        strict.setdefault("additionalProperties", False)
    return strict
