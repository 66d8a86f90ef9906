"""The models being served: what is configured, and bringing what is loaded in line with it."""

import enum
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from serving.embedded import config, versions
from serving.embedded.refusal import Refusal, failed_precondition, invalid, not_found
from serving.embedded.servable import Servable

log = logging.getLogger(__name__)

Load = Callable[[str, int, Path], Servable]
"""Loads and warms a version: name, number, folder. Raises Refusal."""


class State(enum.IntEnum):
    """``ModelVersionStatus.State`` of get_model_status.proto."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class Version:
    """What is known of one version of a model."""

    state: State
    error: Refusal | None = None
    """Why the last try failed."""
    tries: int = 0
    next_try: float = 0.0
    """On the monotonic clock, in seconds; only while LOADING."""
    forgotten: bool = False
    """No longer wanted: should it be wanted again, it starts anew."""


@dataclass(frozen=True)
class Retries:
    """How stubbornly a version that does not load is tried again."""

    limit: int
    pause_s: float


@dataclass(frozen=True)
class _Serving:
    """All that a request needs to find its version; replaced as a whole, never changed."""

    available: Mapping[str, Mapping[int, Servable]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Models:
    """Serves the versions that the configuration and the folders ask for.

    A new version is loaded and warmed beside the old one, which goes only when the new one is
    available. Requests take no lock: they read one immutable snapshot.
    """

    def __init__(
        self,
        load: Load,
        retries: Retries,
        *,
        any_label: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Serve nothing yet; see `configure`.

        Args:
            load: how to load a version.
            retries: what to do when that fails.
            any_label: let a new label name a version that is not available.
            clock: monotonic seconds.
        """
        self._load = load
        self._retries = retries
        self._any_label = any_label
        self._clock = clock
        self._configured: dict[str, ModelConfig] = {}
        self._complaints: dict[str, str] = {}
        self._serving = _Serving()
        self._versions: dict[str, dict[int, Version]] = {}
        self._lock = threading.Lock()  # guards writing the above, for moments only
        self._changing = threading.Lock()  # one change of what is loaded at a time

    def find(self, spec: ModelSpec) -> Servable:
        """The loaded version that a request means.

        Raises:
            Refusal: the spec is incomplete, or means none.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        serving = self._serving
        available = serving.available.get(spec.name, {})
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            if not available:
                raise not_found(f"Servable not found for request: Latest({spec.name})")
            return available[max(available)]
        version = spec.version.value
        if choice == "version_label":
            labels = serving.labels.get(spec.name, {})
            if spec.version_label not in labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            version = labels[spec.version_label]
        if version not in available:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {version})")
        return available[version]

    def versions(self, name: str) -> dict[int, Version]:
        """Every version ever seen of a model, the highest first."""
        with self._lock:
            return dict(sorted(self._versions.get(name, {}).items(), reverse=True))

    def configure(self, asked: ModelServerConfig) -> set[str]:
        """Change what is served, and load it.

        Returns:
            the names of the models that are new; see `require_available`.

        Raises:
            Refusal: the configuration is not acceptable; nothing has changed.
        """
        with self._changing:
            before = set(self._configured)
            models = config.validated(asked, self._configured)
            labels = {model.name: self._labels(model) for model in models.values()}
            with self._lock:
                self._configured = models
                self._serving = replace(self._serving, labels=labels)
            self._reconcile()
        return models.keys() - before

    def reconcile(self) -> None:
        """Load what is wanted and not loaded; unload what is loaded and not wanted."""
        with self._changing:
            self._reconcile()

    def require_available(self, names: set[str]) -> None:
        """Make sure that each of these models has a version available.

        Raises:
            Refusal: some have not, and why.
        """
        missing = {name: found for name, found in self.unavailable().items() if name in names}
        if missing:
            raise did_not_become_available(missing)

    def unavailable(self) -> dict[str, dict[int, Version]]:
        """The configured models without an available version, and what became of theirs."""
        with self._lock:
            return {
                name: dict(self._versions.get(name, {}))
                for name in self._configured
                if not self._serving.available.get(name)
            }

    def _labels(self, model: ModelConfig) -> dict[str, int]:
        available = self._serving.available.get(model.name, {})
        current = self._serving.labels.get(model.name, {})
        for label, version in model.version_labels.items():
            excused = self._any_label and current.get(label, version) == version
            if version not in available and not excused:
                raise failed_precondition(
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference"
                )
        return dict(model.version_labels)

    def _reconcile(self) -> None:
        for name in {*self._configured, *self._versions}:
            model = self._configured.get(name)
            wanted = self._wanted(model) if model else {}
            if wanted is None:
                continue
            for version in sorted(wanted, reverse=True):
                if self._should_load(name, version):
                    self._bring_up(name, version, wanted[version])
            self._take_down_all_but(name, set(wanted))

    def _wanted(self, model: ModelConfig) -> dict[int, Path] | None:
        """The version folders to serve; None when they cannot be listed, which changes nothing."""
        try:
            found = versions.on_disk(Path(model.base_path))
        except OSError as error:
            self._complain(model.name, f"Could not list versions of {model.name}: {error}")
            return None
        complaint = (
            f"No versions of servable {model.name} found under base path {model.base_path}. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?"
        )
        self._complain(model.name, "" if found else complaint)
        return versions.wanted(model.model_version_policy, found)

    def _complain(self, name: str, complaint: str) -> None:
        """Log what is wrong with a model's folder, once and not at every look at it."""
        if complaint and complaint != self._complaints.get(name):
            log.warning("%s", complaint)
        self._complaints[name] = complaint

    def _should_load(self, name: str, version: int) -> bool:
        known = self._versions.get(name, {}).get(version)
        if known is None or known.forgotten:
            return True
        return known.state is State.LOADING and known.next_try <= self._clock()

    def _bring_up(self, name: str, version: int, path: Path) -> None:
        known = self._versions.get(name, {}).get(version)
        tries = 1 if known is None or known.forgotten else known.tries + 1
        self._set(name, version, Version(State.LOADING, tries=tries))
        log.info("Loading servable version {name: %s version: %d} from %s", name, version, path)
        started = self._clock()
        try:
            servable = self._load(name, version, path)
        except Refusal as refusal:
            self._failed(name, version, tries, refusal)
            return
        self._serve(name, {**self._serving.available.get(name, {}), version: servable})
        self._set(name, version, Version(State.AVAILABLE))
        log.info(
            "Successfully loaded servable version {name: %s version: %d} in %.1f s",
            name,
            version,
            self._clock() - started,
        )

    def _failed(self, name: str, version: int, tries: int, refusal: Refusal) -> None:
        log.error("Loading servable {name: %s version: %d} failed: %s", name, version, refusal)
        if tries > self._retries.limit:
            self._set(name, version, Version(State.END, refusal, tries))
        else:
            again = self._clock() + self._retries.pause_s
            self._set(name, version, Version(State.LOADING, refusal, tries, again))

    def _take_down_all_but(self, name: str, wanted: set[int]) -> None:
        available = self._serving.available.get(name, {})
        if wanted and not wanted & available.keys():
            return  # better an old version than none
        for version in available.keys() - wanted:
            self._set(name, version, Version(State.UNLOADING))
            log.info("Unloading servable version {name: %s version: %d}", name, version)
        self._serve(name, {v: servable for v, servable in available.items() if v in wanted})
        for version, known in self.versions(name).items():
            if version not in wanted and not known.forgotten:
                self._set(name, version, Version(State.END, known.error, forgotten=True))

    def _serve(self, name: str, available: Mapping[int, Servable]) -> None:
        with self._lock:
            everything = {**self._serving.available, name: available}
            self._serving = replace(self._serving, available=everything)

    def _set(self, name: str, version: int, known: Version) -> None:
        with self._lock:
            self._versions.setdefault(name, {})[version] = known


def did_not_become_available(missing: Mapping[str, Mapping[int, Version]]) -> Refusal:
    """The answer to a configuration whose models do not load."""
    reasons = [
        f"{{{{name: {name} version: {version}}} due to error: {known.error}}}, "
        if known.error
        else f"{{{{name: {name} version: {version}}}}}, "
        for name, found in sorted(missing.items())
        for version, known in sorted(found.items())
    ] or [f"{{name: {name}}}, " for name in sorted(missing)]
    message = f"{len(missing)} model(s) did not become available: {{{''.join(reasons)}}}"
    return Refusal(grpc.StatusCode.UNKNOWN, message)
