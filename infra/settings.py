"""Every setting of Doublet, read from the environment (or a file named ``.env``)."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from infra.errors import BadSetting
from infra.secret_files import SecretFiles

MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """One field for each environment variable of the same name in capitals.

    The four addresses are empty by default: the local stack then starts that part itself. What is
    secret has the type SecretStr: it is never shown, and may lie in a file.
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Addresses of the parts
    kafka_bootstrap_servers: str = Field(
        "", description="Kafka to use, `host:port,…`; empty: the local stack's own broker."
    )
    model_server: str = Field(
        "", description="TensorFlow Serving's gRPC `host:port`; empty: the local stack's own."
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL (PostgreSQL: `postgresql+psycopg://…`); empty: SQLite.",
    )
    blob_store: str = Field(
        "", description="`s3://bucket/prefix` or `file:///folder`; empty: a folder of the stack."
    )

    # Encrypted ways to the parts, and who we are there
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Way to Kafka: open, by TLS, or by TLS and with a password."
    )
    kafka_ca_file: str = Field(
        "", description="Authorities (PEM) that Kafka's certificate is of; empty: the system's."
    )
    kafka_certificate_file: str = Field(
        "", description="Our certificate (PEM), where Kafka wants one; empty: none."
    )
    kafka_key_file: str = Field("", description="The certificate's key (PEM), without a password.")
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How the password is proven to Kafka, for `SASL_SSL`."
    )
    kafka_sasl_username: str = Field("", description="Our name at Kafka, for `SASL_SSL`.")
    kafka_sasl_password: SecretStr = Field(
        SecretStr(""), description="Our password at Kafka, for `SASL_SSL`."
    )
    model_server_ca_file: str = Field(
        "",
        description="Authorities (PEM) that the model server's certificate is of; empty: the way "
        "to it is open.",
    )
    model_server_certificate_file: str = Field(
        "", description="Our certificate (PEM), where the model server wants one; empty: none."
    )
    model_server_key_file: str = Field(
        "", description="The certificate's key (PEM), without a password."
    )
    blob_store_ca_file: str = Field(
        "", description="Authorities (PEM) of an S3 store's certificate, beside the system's."
    )
    aws_access_key_id: str = Field(
        "", description="Our name at the S3 store; empty: as AWS's own programs find it."
    )
    aws_secret_access_key: SecretStr = Field(
        SecretStr(""), description="Our secret at the S3 store, with `AWS_ACCESS_KEY_ID`."
    )

    # The local stack
    doublet_home: Path = Field(
        Path("var"), description="Folder for everything that the local stack keeps on disk."
    )
    local_broker: Literal["embedded", "apache"] = Field(
        "embedded", description="The stack's broker: `embedded`, or `apache` (Java and Maven)."
    )
    broker_port: int = Field(
        9092, ge=1, le=65_535, description="Port of the local broker, loopback only."
    )
    model_server_port: int = Field(
        8500, ge=1, le=65_535, description="gRPC port of the local model server."
    )
    model_server_rest_port: int = Field(
        8502, ge=1, le=65_535, description="REST port of the local model server."
    )
    dashboard_host: str = Field(
        "127.0.0.1",
        description="Address that the dashboard listens on; `0.0.0.0`, for all, in a container.",
    )
    dashboard_port: int = Field(8501, ge=1, le=65_535, description="Port of the dashboard.")

    # Who may do what on the dashboard
    visitors: Literal["operate", "submit", "look", "none"] = Field(
        "operate",
        description="What anybody may do on the dashboard without logging in; each of these "
        "includes those after it.",
    )
    operators: str = Field(
        "",
        description="Who may operate after logging in: verified e-mail addresses, or the "
        "provider's own ids (`sub`), with commas between.",
    )
    oidc_metadata_url: str = Field(
        "", description="OpenID provider's `…/.well-known/openid-configuration`; empty: no login."
    )
    oidc_client_id: str = Field("", description="This dashboard's id at the OpenID provider.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="This dashboard's secret at the OpenID provider."
    )
    cookie_secret: SecretStr = Field(
        SecretStr(""), description="Signs the cookies of who is logged in: 32 random characters."
    )
    dashboard_url: str = Field(
        "", description="Where browsers find the dashboard, for the way back from the provider."
    )

    # The doors beside Kafka
    http_anonymous_per_day: int = Field(
        1000,
        ge=0,
        description="Pictures that HTTP without a key and visitors on the pages may hand in "
        "in 24 hours, in all; 0: none.",
    )
    watch_folder: str = Field(
        "", description="Folder whose pictures the local stack hands in; empty: none."
    )

    # The consumer
    consumer_name: str = Field(
        "",
        description="Name of a consumer that is restarted in place: its group then waits for it. "
        "Empty: one that is listed by its host, until it ends.",
    )
    consumer_health: str = Field(
        "",
        description="`host:port` of the consumer's `/livez`, `/readyz`, `/metrics`; empty: off.",
    )
    pictures_at_once: int = Field(
        2, ge=1, description="Pictures that one consumer doubles at once, beside one large one."
    )
    memory_limit_bytes: int = Field(
        2048 * MEBIBYTE,
        ge=64 * MEBIBYTE,
        description="Memory for pictures at hand; one that needs more is doubled alone.",
    )

    crash_at: Literal["", "mid-picture", "after-blob", "before-commit"] = Field(
        "",
        description="For game days: where the consumer ends itself, as `kill -9` would; empty: "
        "nowhere.",
    )

    # Topics
    partitions: int = Field(4, ge=1, description="Partitions of each topic that carries pictures.")
    replication_factor: int = Field(
        -1, description="Replicas of each topic; -1: the broker's own default."
    )
    topic_retention_days: float = Field(7, gt=0, description="How long Kafka keeps events.")
    blob_grace_days: float = Field(
        14,
        gt=0,
        description="Age below which `blobs sweep` removes nothing; more than Kafka keeps events.",
    )
    message_limit_bytes: int = Field(
        20 * MEBIBYTE, ge=MEBIBYTE, description="Largest event, picture included, that Kafka takes."
    )

    # Pictures
    model_name: str = Field("doublet", description="Model to double with, as the server names it.")
    model_device: Literal["auto", "cpu", "gpu"] = Field(
        "auto",
        description="Device that the model should run on: `auto`, `cpu` or `gpu`; the local model "
        "server follows it, and *Now* says what is really in use.",
    )
    max_picture_bytes: int = Field(
        256 * MEBIBYTE, gt=0, description="Largest picture file that is opened."
    )
    max_picture_pixels: int = Field(
        120_000_000, gt=0, description="Largest picture, in pixels, that is decoded."
    )
    max_picture_side: int = Field(
        30_000, gt=0, description="Longest side, in pixels, that is decoded."
    )
    tile_side: int = Field(
        256, ge=64, description="Side of the tiles sent to the model, halo included, in pixels."
    )
    tiles_per_call: int = Field(
        4, ge=1, description="Tiles in one call; beyond 4 a processor gains little, a GPU does."
    )
    model_deadline_seconds: float = Field(
        60, gt=0, description="How long one call to the model server may take."
    )
    max_attempts: int = Field(
        3, ge=1, description="Attempts at one picture before it becomes a dead letter."
    )
    max_replays: int = Field(
        3, ge=0, description="Replays of one record before its dead letter is quarantined."
    )
    keep_spread: bool = Field(
        True, description="Store the members' disagreement beside each result."
    )

    # Astronomy Picture of the Day
    apod_api: Literal["v2", "v1"] = Field(
        "v2", description="APOD service; `v1` is the old one, archived on 1 December 2026."
    )
    apod_v2_url: str = Field(
        "https://science.nasa.gov/wp-json/wp/v2/apod-basic", description="Address of APOD's v2 API."
    )
    apod_v1_url: str = Field(
        "https://api.nasa.gov/planetary/apod", description="Address of APOD's v1 API."
    )
    nasa_api_key: SecretStr = Field(
        SecretStr("DEMO_KEY"), description="Key for the v1 API; v2 needs none."
    )
    apod_timeout_seconds: float = Field(
        20, gt=0, description="How long one request to the APOD service may take."
    )
    apod_download_seconds: float = Field(
        120, gt=0, description="How long the download of one day's picture may take."
    )
    apod_on_video: Literal["skip", "poster", "previous-image"] = Field(
        "skip",
        description="What is doubled for a day that is no picture: nothing, the poster that the "
        "service shows of a video, or the last picture before it.",
    )
    apod_requests_per_hour: int = Field(
        1000,
        ge=1,
        description="Pace of the backfill's requests; slower where the service has fewer left.",
    )
    publish_copyrighted: bool = Field(
        False,
        description="Tell on the results topic where the doubled picture of a day lies that "
        "somebody has the copyright of; by default it is kept private, and marked so.",
    )

    # Watching
    scheduler_health: str = Field(
        "",
        description="`host:port` of the scheduler's `/livez`, `/readyz`, `/metrics`; empty: off.",
    )
    alert_lag_seconds: float = Field(
        300,
        gt=0,
        description="Age of the oldest record that waits, above which is an alert; the backfill's "
        "may wait.",
    )
    alert_waiting_seconds: float = Field(
        120, gt=0, description="How long a consumer waits for a part before that is an alert."
    )
    alert_dead_letters_per_hour: int = Field(
        10, ge=0, description="Dead letters within an hour, above which is an alert."
    )
    alert_apod_late_hours: float = Field(
        12, gt=0, description="How late a day of APOD may be before that is an alert."
    )
    alert_disk_free_percent: float = Field(
        5, ge=0, le=100, description="Room on a disk that is written to, below which is an alert."
    )

    otel_exporter_otlp_endpoint: str = Field(
        "", description="OpenTelemetry collector, `http://host:4318`; empty: no traces."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of the log's lines: `text`, or `json`, one object a line."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe line that the parts log."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in the program, the environment, `.env`, and the files of secrets."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        variables = {**dotenv_settings.env_vars, **env_settings.env_vars}
        files = SecretFiles(settings_cls, variables)
        return init_settings, files, env_settings, dotenv_settings

    @property
    def bootstrap_servers(self) -> list[str]:
        """Where Kafka is: the configured cluster, else the local stack's broker."""
        configured = self.kafka_bootstrap_servers or f"127.0.0.1:{self.broker_port}"
        return configured.split(",")

    @property
    def model_server_address(self) -> str:
        """Where TensorFlow Serving is: configured, else the local stack's model server."""
        return self.model_server or f"127.0.0.1:{self.model_server_port}"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in use; books are kept for one Kafka: each local one has its own."""
        name = "doublet" if self.local_broker == "embedded" else f"doublet-{self.local_broker}"
        configured = self.database_url.get_secret_value()
        return configured or f"sqlite:///{(self.doublet_home / name).absolute()}.sqlite"

    @property
    def blobs(self) -> str:
        """The blob store's URL in use."""
        return self.blob_store or (self.doublet_home / "blobs").absolute().as_uri()


@lru_cache
def settings() -> Settings:
    """The process's settings, read once.

    Raises:
        BadSetting: with the variable's name.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise BadSetting(f"the setting {name} is not usable: {first['msg']}") from error
