"""Every setting of Doublet, read from the environment (or a file named ``.env``)."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.errors import DoubletError

MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """One field for each environment variable of the same name in capitals.

    The four addresses are empty by default: the local stack then starts that part itself.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # Addresses of the parts
    kafka_bootstrap_servers: str = Field(
        "", description="Kafka to use, `host:port,…`; empty: the local stack's own broker."
    )
    model_server: str = Field(
        "", description="TensorFlow Serving's gRPC `host:port`; empty: the local stack's own."
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL (PostgreSQL: `postgresql+psycopg://…`); empty: SQLite."
    )
    blob_store: str = Field(
        "", description="`s3://bucket/prefix` or `file:///folder`; empty: a folder of the stack."
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
        description="Pictures that HTTP takes in 24 hours without a key, in all; 0: keys only.",
    )
    watch_folder: str = Field(
        "", description="Folder whose pictures the local stack hands in; empty: none."
    )

    # The consumer
    consumer_name: str = Field(
        "",
        description="Name of a consumer that is restarted in place: its group then waits for it.",
    )
    consumer_health: str = Field(
        "",
        description="`host:port` of the consumer's `/livez` and `/readyz`; empty: off.",
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

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe line that the parts log."
    )

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
        return self.database_url or f"sqlite:///{(self.doublet_home / name).absolute()}.sqlite"

    @property
    def blobs(self) -> str:
        """The blob store's URL in use."""
        return self.blob_store or (self.doublet_home / "blobs").absolute().as_uri()


class BadSetting(DoubletError):
    """A variable has a value that its setting does not take."""


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
