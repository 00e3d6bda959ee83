"""Workers for a batch: processes of this computer, a running scheduler, or jobs of a cluster."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Worker, WorkerPlugin
from distributed.utils import get_mp_context

# The memory of a worker belongs to its movie: Dask has nothing to write to the disk, and a worker
# that pauses would stay so. A worker that takes too much is killed, and its movie tried elsewhere.
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,  # a movie is tried three times
    "distributed.scheduler.worker-saturation": 1.0,  # movies wait in the scheduler
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
_SYSTEMS = {"slurm": "SLURM", "pbs": "PBS", "lsf": "LSF", "sge": "SGE"}
JOB_SYSTEMS = tuple(_SYSTEMS)
_KEYS = {
    "partition": "queue",
    "queue": "queue",
    "time": "walltime",
    "walltime": "walltime",
    "cores": "cores",
    "memory": "memory",
    "account": "account",
    "gpus": "gpus",
    "resources": "resources",
}
_DEFAULTS = {"cores": "4", "memory": "16GB"}


class LocalWorker(WorkerPlugin):  # type: ignore[misc]  # mypy sees no types of distributed
    """Sets the threads of PyTorch in a worker process, and leaves Ctrl+C to the batch.

    Parameters
    ----------
    threads : int
        Threads of each worker.
    """

    name = "napari-sam2-local-worker"

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def setup(self, worker: Worker) -> None:
        """Prepare a worker that starts."""
        import torch

        torch.set_num_threads(self.threads)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all processes


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Worker processes on this computer, which share its cores.

    Parameters
    ----------
    workers : int
        How many.
    """
    with dask.config.set(_SETTINGS | _starting_fast()):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster, set_as_default=False) as client:
            client.register_plugin(LocalWorker(threads_of(workers)))
            yield client


def threads_of(workers: int, cores: int = CPU_COUNT) -> int:
    """Threads of each worker, so that all of them have not more than there are cores."""
    return max(1, cores // workers)


def _starting_fast() -> dict[str, Any]:
    """On Linux, workers are copies of one process that has imported all packages before."""
    if sys.platform != "linux":
        return {}
    settings = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(settings):
        get_mp_context().set_forkserver_preload(["distributed", "napari_sam2.batch.movie_task"])
    return settings


@contextmanager
def scheduler_client(address: str) -> Iterator[Client]:
    """A running scheduler with its workers.

    Parameters
    ----------
    address : str
        Such as ``"tcp://10.0.0.1:8786"``.

    Raises
    ------
    OSError
        If no scheduler answers.
    """
    with Client(address, timeout="30s", set_as_default=False) as client:
        yield client


@contextmanager
def job_client(system: str, options: str, workers: int) -> Iterator[Client]:
    """Workers that are jobs of a cluster, each started when there is work and ended after it.

    Parameters
    ----------
    system, options
        As for `job_cluster`.
    workers : int
        Largest number of jobs at a time.

    Raises
    ------
    FileNotFoundError
        If this computer has no command to submit jobs.
    ValueError
        If the options are wrong.
    """
    with dask.config.set(_SETTINGS), job_cluster(system, options) as cluster:
        command = cluster.job_cls.submit_command
        if shutil.which(command.split()[0]) is None:  # Dask would wait without an end
            raise FileNotFoundError(
                f"{system} jobs are submitted with {command}, which is not on this computer: run "
                "the batch on a login node of the cluster"
            )
        cluster.adapt(minimum_jobs=0, maximum_jobs=workers)
        with Client(cluster, set_as_default=False) as client:
            yield client


def import_jobqueue() -> Any:
    """The package of job systems, which is in another extra than the rest.

    When it is imported, it lets Ctrl+C end the program without a word. The handler from before is
    put back, so that a batch is stopped in the same way everywhere.
    """
    before = signal.getsignal(signal.SIGINT)
    import dask_jobqueue

    if signal.getsignal(signal.SIGINT) is not before:
        signal.signal(signal.SIGINT, before)
    return dask_jobqueue


def job_cluster(system: str, options: str) -> Any:
    """A cluster of `dask_jobqueue` whose jobs track one movie at a time with all their cores.

    Parameters
    ----------
    system : str
        One of `JOB_SYSTEMS`.
    options : str
        ``key=value`` with commas between: partition (or queue), time (or walltime), cores, memory,
        account, gpus, resources.

    Returns
    -------
    dask_jobqueue.JobQueueCluster

    Raises
    ------
    ValueError
        If an option is unknown, has no value, or the system does not have it.
    """
    dask_jobqueue = import_jobqueue()
    given = parse_job_options(options)
    make: Callable[..., Any] = getattr(dask_jobqueue, f"{_SYSTEMS[system]}Cluster")
    cores = int(given["cores"])
    settings: dict[str, Any] = {
        "cores": cores,
        "processes": 1,
        "memory": given["memory"],
        "queue": given.get("queue"),
        "walltime": given.get("walltime"),
        "job_name": "napari-sam2",
        "worker_extra_args": ["--nthreads", "1"],  # one movie; the last value counts
        "job_script_prologue": [f"export OMP_NUM_THREADS={cores}"],
        "scheduler_options": {"dashboard_address": ":0"},
    }
    if "account" in given:
        settings["account" if system in ("slurm", "pbs") else "project"] = given["account"]
    if "resources" in given:
        if system not in ("pbs", "sge"):
            raise ValueError(f"resources are for PBS and Grid Engine; {system} has none")
        settings["resource_spec"] = given["resources"]
    if "gpus" in given:
        settings["job_extra_directives"] = [_gpu_directive(system, given["gpus"])]
    return make(**settings)


def parse_job_options(options: str) -> Mapping[str, str]:
    """Options of jobs by their names in Dask.

    Raises
    ------
    ValueError
        If an option is unknown or has no value.
    """
    found = dict(_DEFAULTS)
    for part in filter(None, options.split(",")):
        key, _, value = (text.strip() for text in part.partition("="))
        if key not in _KEYS or not value:
            raise ValueError(
                f"{part!r} is no option of a job: expected KEY=VALUE with commas between, with the "
                f"keys {', '.join(_KEYS)}"
            )
        found[_KEYS[key]] = value
    if not found["cores"].isdecimal() or int(found["cores"]) < 1:
        raise ValueError(f"cores must be a positive number; got {found['cores']!r}")
    return found


def _gpu_directive(system: str, gpus: str) -> str:
    return {
        "slurm": f"--gres=gpu:{gpus}",
        "pbs": f"-l ngpus={gpus}",
        "lsf": f'-gpu "num={gpus}"',
        "sge": f"-l gpu={gpus}",
    }[system]
