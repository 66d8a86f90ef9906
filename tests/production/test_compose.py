"""What the compose file promises, as Docker Compose itself reads it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.loop import GRACE_S
from infra.settings import Settings
from tests.production.compose import DEPLOY, REPOSITORY, Compose, Service, read_compose

pytestmark = pytest.mark.deploy

PROFILES = ["gpu", "cpu"]
OURS = {"migrations", "consumer", "scheduler", "dashboard"}
ONCE = {"migrations", "s3-bucket"}
"""Services that do one thing and end."""


@pytest.fixture(scope="module", params=PROFILES)
def compose(request: pytest.FixtureRequest) -> Compose:
    return read_compose(request.param)


def test_the_profile_chooses_where_the_model_runs(compose: Compose) -> None:
    servers = [name for name in compose.services if name.startswith("model-server")]
    [server] = [compose.services[name] for name in servers]
    assert server.declared["networks"]["inside"]["aliases"] == ["model-server"]
    on_gpu = "devices" in server.declared["deploy"]["resources"].get("reservations", {})
    assert on_gpu == server.declared["build"]["args"]["SERVING"].endswith("-gpu")


def test_nothing_is_gained_by_breaking_into_a_service(compose: Compose) -> None:
    for service in compose.services.values():
        declared = service.declared
        assert declared["read_only"], service.name
        assert declared["cap_drop"] == ["ALL"], service.name
        assert declared["security_opt"] == ["no-new-privileges:true"], service.name
        assert not declared.get("privileged"), service.name
        assert set(declared.get("cap_add", [])) <= ({"CHOWN"} if service.name in ONCE else set())


def test_no_service_grows_without_a_limit(compose: Compose) -> None:
    for service in compose.services.values():
        assert service.declared["logging"]["options"]["max-size"], service.name
        if service.name != "s3-bucket":
            assert service.declared["deploy"]["resources"]["limits"]["memory"], service.name


def test_every_image_is_pinned(compose: Compose) -> None:
    for service in compose.services.values():
        tag = service.declared["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), service.declared["image"]


def test_what_runs_on_is_watched_and_started_again(compose: Compose) -> None:
    for service in compose.services.values():
        if service.name in ONCE:
            assert service.declared["restart"] == "no"
        else:
            assert service.declared["restart"] == "unless-stopped"
            assert service.health_check, service.name


def test_who_is_waited_for_can_come(compose: Compose) -> None:
    for service in compose.services.values():
        for name, condition in service.needs.items():
            required = service.declared["depends_on"][name]["required"]
            assert name in compose.services or not required, f"{service.name} waits for {name}"
            if condition == "service_healthy" and name in compose.services:
                assert compose.services[name].health_check
            if condition == "service_completed_successfully":
                assert name in ONCE


def test_only_people_come_in_from_outside_and_only_from_this_machine(compose: Compose) -> None:
    open_to_the_host = {
        service.name: service.declared["ports"]
        for service in compose.services.values()
        if "ports" in service.declared
    }
    assert set(open_to_the_host) == {"dashboard", "grafana"}
    for ports in open_to_the_host.values():
        assert [port["host_ip"] for port in ports] == ["127.0.0.1"]


def test_secrets_come_from_files_and_from_nowhere_else(compose: Compose) -> None:
    for service in compose.services.values():
        for name, value in service.environment.items():
            if re.search("SECRET|PASSWORD|DATABASE_URL", name):
                assert name.endswith("_FILE"), f"{service.name}: {name}"
                assert value.removeprefix("/run/secrets/") in service.secrets, f"{name}={value}"
    assert all(secret.get("file") for secret in compose.secrets.values())


def test_every_variable_of_ours_is_a_documented_setting(compose: Compose) -> None:
    known = {name.upper() for name in Settings.model_fields}
    known |= S3_CLIENTS_OWN
    for name in OURS:
        given = compose.services[name].environment
        assert {variable.removesuffix("_FILE") for variable in given} <= known


S3_CLIENTS_OWN = {"AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_REGION"}
"""Read by the S3 client itself: we have no settings of these names."""


def test_what_people_set_reaches_the_parts() -> None:
    for_all = {
        "MODEL_NAME": "doublet-fast",
        "PARTITIONS": "8",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
    }
    compose = read_compose("cpu", VISITORS="look", **for_all)
    for name in OURS:
        assert for_all.items() <= compose.services[name].environment.items(), name
    assert compose.services["dashboard"].environment["VISITORS"] == "look"


def test_what_nobody_sets_is_the_settings_own_default(compose: Compose) -> None:
    defaults = Settings(_env_file=None)
    for name in OURS:
        given = compose.services[name].environment
        for variable in ("PARTITIONS", "OTEL_EXPORTER_OTLP_ENDPOINT", "LOG_FORMAT", "LOG_LEVEL"):
            assert given[variable] == str(getattr(defaults, variable.lower())), variable


def test_what_is_mounted_from_the_repository_is_there(compose: Compose) -> None:
    for service in compose.services.values():
        for volume in service.volumes:
            if volume["type"] == "bind":
                assert Path(volume["source"]).is_dir(), volume["source"]


def test_what_is_written_in_memory_can_be_written_by_who_is_not_root(compose: Compose) -> None:
    """A tmpfs is root's, with the mode that its folder has in the image: only /tmp's is known."""
    for service in compose.services.values():
        for mounted in service.declared.get("tmpfs", []):
            folder, _, options = mounted.partition(":")
            assert folder in OPEN_TO_ALL or "mode=1777" in options.split(","), service.name


OPEN_TO_ALL = {"/tmp", "/var/run/postgresql"}
"""In the images that mount them; PostgreSQL's makes its own 3777."""


def test_the_page_copies_volumes_that_are_there(compose: Compose) -> None:
    page = (REPOSITORY / "docs" / "production.md").read_text()
    stores = {
        f"doublet_{volume['source']}"
        for name in ("kafka", "s3")
        for volume in compose.services[name].volumes
    }
    assert set(re.findall(r"--volume (\w+):", page)) == stores
    assert set(re.findall(r"postgres:\d\S*", page)) == {
        compose.services["postgres"].declared["image"]
    }


def test_every_store_keeps_what_it_has_when_its_container_is_replaced(compose: Compose) -> None:
    def named(service: Service) -> set[str]:
        return {volume["target"] for volume in service.volumes if volume.get("source")}

    kafka = compose.services["kafka"]
    assert kafka.environment["KAFKA_LOG_DIRS"] in named(kafka)
    assert "/var/lib/postgresql" in named(compose.services["postgres"])
    assert "/data" in named(compose.services["s3"])


def test_the_consumer_is_given_the_time_that_it_takes_to_stop(compose: Compose) -> None:
    period = compose.services["consumer"].declared["stop_grace_period"]
    assert period == "20s"
    assert timedelta(seconds=20) > timedelta(seconds=GRACE_S) * 2


def test_the_memory_for_pictures_fits_into_the_consumers_limit(compose: Compose) -> None:
    limit = int(compose.services["consumer"].declared["deploy"]["resources"]["limits"]["memory"])
    assert Settings(_env_file=None).memory_limit_bytes < limit * 3 / 4


def test_a_batch_holds_whole_calls() -> None:
    batching = (DEPLOY / "model-server" / "batching.conf").read_text()
    most = int(re.findall(r"max_batch_size \{ value: (\d+) }", batching)[0])
    allowed = [int(size) for size in re.findall(r"allowed_batch_sizes: (\d+)", batching)]
    assert allowed == sorted(allowed)
    assert allowed[-1] == most
    assert most % Settings(_env_file=None).tiles_per_call == 0
