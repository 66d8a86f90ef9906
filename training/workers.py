"""Workers of Ray, on this machine or a cluster, behind Python's own interface of executors.

What is handed to them is what one process runs as well: a function, called for each member or
picture. All machines of a cluster see the same folders.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from infra.errors import DoubletError

HERE = "local"
"""In place of a cluster's address: workers on this machine, for as long as the command runs."""

RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Work on a Ray cluster, `ray://host:port`; `local`: on the cores of this machine.",
    ),
]


@dataclass(frozen=True)
class Workers:
    """Those who work, and how many calls they do at the same time."""

    executor: Executor
    count: int


class _Ray(Executor):
    """An executor whose calls run on Ray, one for each core."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have it run somewhere; what it raises is raised where its result is asked for.

        A call whose worker or machine died is made again elsewhere: Ray's own default, and safe,
        because a fitting goes on from its checkpoint.
        """
        future: Future[Any] = self._ray.remote(_call).remote(fn, *args, **kwargs).future()
        return future


def _call(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Ray takes functions alone, and not whatever can be called."""
    return fn(*args, **kwargs)


@contextmanager
def ray_workers(address: str) -> Iterator[Workers]:
    """Workers of the cluster at ``ray://host:port`` or ``host:port``, or of this machine.

    Raises:
        DoubletError: Ray is not installed, or nothing answers there.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise DoubletError("Ray is not installed: pip install 'doublet[cluster]'") from error
    # Ray's own default, 15, starves workers of this machine beside whatever else it does.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        ray.init(address=None if address == HERE else address)
    except (ConnectionError, ValueError) as error:
        raise DoubletError(f"there is no Ray cluster at {address}: {error}") from error
    try:
        yield Workers(_Ray(ray), int(ray.cluster_resources()["CPU"]))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, DoubletError):  # without the worker's traceback
            raise error.cause from error
        raise
    finally:
        ray.shutdown()
