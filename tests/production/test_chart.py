"""The Helm chart: accepted by a cluster's own schemas, and saying what we mean."""

import re
from typing import Any

import pytest
import yaml

from consumers.loop import GRACE_S
from infra import metrics
from infra.eventlog.topics import GROUP, INTAKE
from infra.secret_files import secret_names
from infra.settings import Settings
from tests.production.compose import DEPLOY, REPOSITORY
from tests.production.manifests import CHART, Manifest, faults, lint, of_kind, pods, render
from tests.production.test_compose import S3_CLIENTS_OWN

pytestmark = pytest.mark.deploy

EVERYTHING: dict[str, Any] = {
    "blobStore": {"endpoint": "http://s3:7070", "accessKeyId": "doublet"},
    "dashboard": {
        "url": "https://doublet.example",
        "operators": "anna@example.org",
        "oidc": {"metadataUrl": "https://id.example", "clientId": "doublet"},
    },
    "kafka": {"kedaAuthentication": "kafka"},
    "modelServer": {"autoscaling": {"gpuMetric": "DCGM_FI_DEV_GPU_UTIL"}},
    "network": {
        "dashboardFrom": [{"namespaceSelector": {"matchLabels": {"role": "ingress"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"role": "monitoring"}}}],
        "kafka": {"ports": [9092], "to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]},
        "blobStore": {"ports": [7070]},
    },
    "settings": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/d"}},
}
"""Values that switch on all that is off by default."""


@pytest.fixture(scope="module", params=["as it is", "everything"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(EVERYTHING if request.param == "everything" else {})


def test_helm_lint_finds_nothing() -> None:
    report = lint()
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


def test_a_cluster_takes_all_of_it(manifests: list[Manifest]) -> None:
    assert [fault for manifest in manifests for fault in faults(manifest)] == []


def test_the_schemas_find_a_mistake(manifests: list[Manifest]) -> None:
    for kind in ("Deployment", "ScaledObject", "NetworkPolicy"):
        manifest = next(iter(of_kind(manifests, kind).values()))
        assert faults({**manifest, "spec": {**manifest["spec"], "replicaz": 1}}), kind


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"consumer": {"maxReplicas": 13}}, "nothing to do"),
        ({"consumer": {"maxReplicaz": 3}}, "maxReplicaz"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"blobStore": {"url": "file:///tmp"}}, "url"),
        ({"consumer": {"terminationGracePeriodSeconds": 5}}, "terminationGracePeriodSeconds"),
        ({"kafka": {"bootstrapServers": "a:9092,b:9094"}}, r"9094.*network\.kafka\.ports"),
        ({"blobStore": {"endpoint": "http://s3:7070/"}}, r"7070.*network\.blobStore\.ports"),
        ({"blobStore": {"endpoint": "http://s3"}}, "port 80,"),
        ({"network": {"blobStore": {"ports": [7070]}}}, "port 443,"),
        (
            {"settings": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}},
            r"4317.*network\.telemetry\.ports",
        ),
        *(
            ({"dashboard": EVERYTHING["dashboard"] | {name: without}}, rf"set dashboard\.{named}")
            for name, without, named in (
                ("url", "", "url"),
                ("operators", "", "operators"),
                ("oidc", {"metadataUrl": "https://id.example"}, r"oidc\.clientId"),
            )
        ),
        (
            {
                "dashboard": EVERYTHING["dashboard"]
                | {"oidc": {"metadataUrl": "https://id.example:8443/", "clientId": "doublet"}}
            },
            "port 8443,",
        ),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        render(values)


def test_every_variable_is_a_documented_setting(manifests: list[Manifest]) -> None:
    known = {name.upper() for name in Settings.model_fields} | S3_CLIENTS_OWN
    for name, pod in pods(manifests):
        if name != "model-server":
            [container] = pod["containers"]
            names = [variable["name"] for variable in container["env"]]
            assert {variable.removesuffix("_FILE") for variable in names} <= known, name
            assert len(names) == len(set(names)), name


def test_settings_take_no_secret_and_nothing_that_the_chart_sets() -> None:
    own = {
        variable["name"]
        for name, pod in pods(render(EVERYTHING))
        if name != "model-server"
        for variable in pod["containers"][0]["env"]
    }
    default = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
    own -= default.keys() | EVERYTHING["settings"].keys()
    for name in sorted(own | {secret.upper() for secret in secret_names(Settings)}):
        with pytest.raises(Exception, match=f"'{name}'"):
            render({"settings": {name: "anything"}})
    render({"settings": {"KAFKA_SASL_PASSWORD_FILE": "/run/secrets/doublet/kafka_sasl_password"}})


def test_secrets_are_read_from_files_of_the_existing_secret(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        for variable in pod["containers"][0].get("env", []):
            if re.search("SECRET|PASSWORD|DATABASE_URL", variable["name"]):
                assert variable["name"].endswith("_FILE"), name
                assert variable["value"].startswith("/run/secrets/doublet/")
    assert not of_kind(manifests, "Secret")


def test_no_container_is_root_or_writes_beside_its_scratch(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not pod["automountServiceAccountToken"], name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"], name
            writable = [m for m in container["volumeMounts"] if not m.get("readOnly")]
            assert [mount["mountPath"] for mount in writable] == ["/tmp"], name


def test_kafkas_lag_says_how_many_consumers_there_are(manifests: list[Manifest]) -> None:
    scaled = of_kind(manifests, "ScaledObject")["consumer"]["spec"]
    consumer = of_kind(manifests, "Deployment")["consumer"]
    assert "replicas" not in consumer["spec"], "an upgrade would undo what KEDA did"
    assert scaled["scaleTargetRef"]["name"] == consumer["metadata"]["name"]
    assert tuple(trigger["metadata"]["topic"] for trigger in scaled["triggers"]) == INTAKE
    for trigger in scaled["triggers"]:
        assert trigger["metadata"]["consumerGroup"] == GROUP
        assert trigger["metadata"]["offsetResetPolicy"] == "earliest"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
    env = {
        v["name"]: v["value"] for v in consumer["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert scaled["maxReplicaCount"] <= int(env["PARTITIONS"])


def test_probes_ask_for_paths_that_are_there(manifests: list[Manifest]) -> None:
    deployments = of_kind(manifests, "Deployment")
    health = (REPOSITORY / "infra" / "health.py").read_text()
    for name in ("consumer", "scheduler"):
        [container] = deployments[name]["spec"]["template"]["spec"]["containers"]
        paths = {
            kind: container[f"{kind}Probe"]["httpGet"]["path"]
            for kind in ("startup", "liveness", "readiness")
        }
        # What waits for another part is not ready, and is not to be restarted.
        assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
        assert all(f'"{path}"' in health for path in paths.values())
        [port] = container["ports"]
        env = {variable["name"]: variable["value"] for variable in container["env"]}
        assert env[f"{name.upper()}_HEALTH"] == f"0.0.0.0:{port['containerPort']}"


def test_a_consumer_is_given_the_time_that_it_takes_to_stop(manifests: list[Manifest]) -> None:
    pod = of_kind(manifests, "Deployment")["consumer"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > GRACE_S * 2


def test_there_are_never_two_schedulers(manifests: list[Manifest]) -> None:
    spec = of_kind(manifests, "Deployment")["scheduler"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_tables_and_topics_come_before_a_new_version(manifests: list[Manifest]) -> None:
    job = of_kind(manifests, "Job")["migrations"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-c", "doublet db upgrade && doublet topics"]


def test_the_model_server_has_a_gpu_and_grows_with_its_work(manifests: list[Manifest]) -> None:
    deployment = of_kind(manifests, "Deployment")["model-server"]
    assert "replicas" not in deployment["spec"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    for bound in ("requests", "limits"):
        assert container["resources"][bound]["nvidia.com/gpu"] == 1
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")["model-server"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert len(scaler["metrics"]) == 1


def test_a_model_server_without_a_gpu() -> None:
    manifests = render({"modelServer": {"gpu": {"count": 0}}})
    assert [fault for manifest in manifests for fault in faults(manifest)] == []
    pod = of_kind(manifests, "Deployment")["model-server"]["spec"]["template"]["spec"]
    assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["limits"]
    assert "tolerations" not in pod


def test_every_deployment_has_a_disruption_budget_that_finds_its_pods(
    manifests: list[Manifest],
) -> None:
    budgets = of_kind(manifests, "PodDisruptionBudget")
    for name, deployment in of_kind(manifests, "Deployment").items():
        selector = budgets[name]["spec"]["selector"]["matchLabels"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= labels.items()
        assert deployment["spec"]["selector"]["matchLabels"] == selector


def test_nothing_is_open_that_is_not_needed(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    deny = policies["default-deny"]["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    for name, pod in pods(manifests):
        assert pod is not None
        assert name in {"consumer", "scheduler", "dashboard", "model-server", "migrations"}
    everyone = {"consumer", "scheduler", "dashboard", "migrations"}
    [out] = policies["parts"]["spec"]["podSelector"]["matchExpressions"]
    assert set(out["values"]) == everyone
    # The model server speaks to nobody: no policy of its own opens a way out.
    assert policies["model-server"]["spec"]["policyTypes"] == ["Ingress"]
    blocked = policies["outside"]["spec"]["egress"][0]["to"][0]["ipBlock"]["except"]
    assert "169.254.0.0/16" in blocked, "the cloud's metadata service"


def test_every_address_that_a_part_is_given_can_be_reached(manifests: list[Manifest]) -> None:
    for part in ("migrations", "consumer", "scheduler", "dashboard"):
        pod = dict(pods(manifests))[part]
        env = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
        env.setdefault("AWS_ENDPOINT_URL", "https://aws.example")
        wanted = {name: port for name, value in env.items() for port in ports_in(name, value)}
        assert {"KAFKA_BOOTSTRAP_SERVERS", "MODEL_SERVER", "AWS_ENDPOINT_URL"} <= wanted.keys()
        open_ports = ways_out(manifests, part)
        for name, port in wanted.items():
            assert port in open_ports, f"{part} is given {name}={env[name]}"


def test_no_way_to_a_collector_is_open_where_there_is_none() -> None:
    assert 4318 not in ways_out(render(), "consumer")


def ports_in(name: str, value: str) -> list[int]:
    """Of the addresses that a variable's value has, but for those that the part listens on."""
    if name == "DASHBOARD_URL" or value.startswith("0.0.0.0"):
        return []
    ports = []
    for address in value.split(","):
        if match := re.fullmatch(r"(?:(https?)://)?[\w.-]+(?::(\d+))?(?:/.*)?", address):
            usual = {"https": "443", "http": "80"}.get(match[1] or "")
            ports += [int(port)] if (port := match[2] or usual) else []
    return ports


def ways_out(manifests: list[Manifest], part: str) -> set[int]:
    """The ports of other machines that a part's pods may speak to."""
    ports: set[int] = set()
    for policy in of_kind(manifests, "NetworkPolicy").values():
        selector = policy["spec"]["podSelector"]
        chosen = [set(rule["values"]) for rule in selector.get("matchExpressions", [])]
        chosen += [
            {value}
            for label, value in selector["matchLabels"].items()
            if label == "app.kubernetes.io/component"
        ]
        if all(part in parts for parts in chosen):
            rules = policy["spec"].get("egress", [])
            ports |= {port["port"] for rule in rules for port in rule["ports"]}
    return ports


def test_the_monitor_of_the_page_finds_every_part_and_its_job(manifests: list[Manifest]) -> None:
    page = (REPOSITORY / "docs" / "monitoring.md").read_text()
    [monitor] = [yaml.safe_load(it) for it in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    ends = {
        end["port"]: end.get("path", metrics.PATH) for end in monitor["spec"]["podMetricsEndpoints"]
    }
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    paths = {
        it["job_name"]: it.get("metrics_path", metrics.PATH) for it in config["scrape_configs"]
    }
    found = {}
    for deployment in of_kind(manifests, "Deployment").values():
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        [port] = [p for p in template["spec"]["containers"][0]["ports"] if p["name"] in ends]
        found[labels[monitor["spec"]["jobLabel"]]] = ends[port["name"]]
    assert found == paths


def test_the_chart_is_of_this_version() -> None:
    chart = (CHART / "Chart.yaml").read_text()
    project = (REPOSITORY / "pyproject.toml").read_text()
    [version] = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert f"appVersion: {version}\n" in chart
