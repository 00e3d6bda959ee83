from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from distributed import Client, LocalCluster, Worker

from napari_sam2.batch import BatchReport, read_plan, run_batch
from napari_sam2.batch.clusters import (
    job_client,
    job_cluster,
    local_client,
    parse_job_options,
    threads_of,
)
from napari_sam2.batch.outputs import LABELS, MEASUREMENTS
from napari_sam2.batch.plan import Plan
from napari_sam2.batch.record import RECORD
from napari_sam2.batch.results import MovieResult
from napari_sam2.batch.watcher import Quiet
from napari_sam2.cli import main
from napari_sam2.io.samples import Sample
from napari_sam2.io.tiff import read_labels, write_images, write_labels
from tests.batch.stand_ins import TinyWorker

MOVIES = [f"m{number}" for number in range(8)]
CORRUPT, FATAL = "m3", "m5"
GOOD = [name for name in MOVIES if name != CORRUPT]


class Run(NamedTuple):
    client: Client
    plan: Plan
    report: BatchReport
    log: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Iterator[Run]:
    """Eight movies on three workers; one movie is corrupt, and one kills its worker once."""
    home = tmp_path_factory.mktemp("plate")
    for folder in ("wells", "prompts"):
        (home / folder).mkdir()
    for shift, name in enumerate(MOVIES):
        images = np.roll(sample.images, shift, axis=2)
        write_images(home / f"wells/{name}.tif", images)
        write_labels(home / f"prompts/{name}.tif", np.roll(sample.labels[0], shift, axis=1))
    (home / f"wells/{CORRUPT}.tif").write_bytes(b"II*\0 broken")
    plan = Plan(
        movies=("wells/*.tif",), prompts="prompts/{name}.tif", output=Path("out"), home=home
    )
    with local_client(3) as client:
        client.register_plugin(TinyWorker(home / "written.txt", FATAL))
        yield Run(client, plan, run_batch(plan, client), home / "written.txt")


def test_all_movies_but_the_corrupt_one_are_done(run: Run) -> None:
    states = {each.name: each.state for each in run.report.results}
    assert states == dict.fromkeys(GOOD, "done") | {CORRUPT: "failed"}


def test_movie_of_the_killed_worker_was_tried_again(run: Run) -> None:
    assert run.log.with_suffix(".died").exists()
    tries = {each.name: each.tries for each in run.report.results}
    assert tries[FATAL] == 2


def test_nothing_is_written_twice_and_nothing_is_left_over(run: Run) -> None:
    assert Counter(run.log.read_text().split()) == Counter(GOOD)
    found = {path.name for path in run.plan.output_folder.iterdir()}
    assert found == {*GOOD, MEASUREMENTS, "report.csv", "report.html", ".batch.lock"}


def test_workers_write_the_labels_of_a_plain_loop(run: Run) -> None:
    plain = run.plan.model_copy(update={"output": Path("plain")})
    run_batch(plain)
    for name in GOOD:
        ours, _ = read_labels(run.plan.output_folder / name / LABELS)
        theirs, _ = read_labels(plain.output_folder / name / LABELS)
        np.testing.assert_array_equal(ours, theirs)


def test_next_run_keeps_all_that_is_done(run: Run) -> None:
    report = run_batch(run.plan)
    assert (report.count("unchanged"), report.count("failed")) == (7, 1)


@pytest.fixture
def address() -> Iterator[str]:
    """A scheduler with one worker in this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def test_shell_uses_a_running_scheduler(
    wells: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["batch", str(wells / "plan.toml"), "--scheduler", address])
    shown = capsys.readouterr()
    assert left.value.code == 0, shown.err
    assert "Dask dashboard: http://" in shown.err
    assert "2 done." in shown.out


def test_movies_go_to_the_workers_that_declare_a_gpu(wells: Path) -> None:
    plan = read_plan(wells / "plan.toml")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        cluster.worker_spec["fast"] = {
            "cls": Worker,
            "options": {"nthreads": 1, "resources": {"GPU": 1}},
        }
        with Client(cluster, set_as_default=False) as client:
            cluster.sync(cluster._correct_state)
            client.wait_for_workers(2)
            assert run_batch(plan, client).is_complete
            done = client.run(lambda dask_worker: dask_worker.state.executed_count)
            fast = cluster.workers["fast"].address
    assert {address for address, count in done.items() if count} == {fast}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--slurm", "nodes=3"), "--slurm: 'nodes=3' is no option of a job"),
        (("--slurm", "time=1:00", "--pbs", "time=1:00"), "choose one of"),
    ],
)
def test_wrong_choice_of_workers_is_explained(
    wells: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["batch", str(wells / "plan.toml"), *options])
    assert left.value.code == 2
    assert message in capsys.readouterr().err


class CtrlCAtTheFirst(Quiet):
    """Ctrl+C when the first movie is done: a terminal sends it to the workers too."""

    def __init__(self, client: Client) -> None:
        self.processes = [*client.run(os.getpid).values(), os.getpid()]

    def ended(self, result: MovieResult) -> None:
        for process in self.processes:
            os.kill(process, signal.SIGINT)
        time.sleep(10)  # the signal ends it at once


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
@pytest.mark.usefixtures("sigint_interrupts")
def test_ctrl_c_leaves_no_incomplete_results_and_the_next_run_goes_on(run: Run) -> None:
    plan = run.plan.model_copy(update={"output": Path("stopped")})
    with pytest.raises(KeyboardInterrupt):
        run_batch(plan, run.client, watcher=CtrlCAtTheFirst(run.client))
    found = {path.name for path in plan.output_folder.iterdir()}
    assert found < {*GOOD, MEASUREMENTS, "report.csv", "report.html", ".batch.lock"}
    assert "stopped" in (plan.output_folder / "report.csv").read_text()
    complete = {name for name in found if (plan.output_folder / name / RECORD).is_file()}
    report = run_batch(plan, run.client)
    kept = {each.name for each in report.results if each.state == "unchanged"}
    assert complete
    assert kept == complete
    assert {each.name for each in report.failed} == {CORRUPT}


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (3, 2), (8, 1), (20, 1)])
def test_workers_share_the_cores(workers: int, threads: int) -> None:
    assert threads_of(workers, cores=8) == threads


def job_script(system: str, options: str) -> str:
    with job_cluster(system, options) as cluster:
        return str(cluster.job_script())


def test_ctrl_c_stays_as_it_is_where_jobs_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "dask_jobqueue"]:
        monkeypatch.delitem(sys.modules, name)  # it is imported anew
    before = signal.getsignal(signal.SIGINT)
    job_script("slurm", "")
    assert signal.getsignal(signal.SIGINT) is before


def test_slurm_job_asks_for_what_the_options_say() -> None:
    script = job_script("slurm", "partition=gpu,time=4:00:00,cores=8,memory=32GB,gpus=1")
    for line in (
        "#SBATCH -p gpu",
        "#SBATCH -t 4:00:00",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=30G",
        "#SBATCH --gres=gpu:1",
        "export OMP_NUM_THREADS=8",
    ):
        assert line in script.splitlines()
    assert script.split("--nthreads ")[-1].split()[0] == "1"


@pytest.mark.parametrize(
    ("system", "line"),
    [
        ("pbs", "#PBS -l walltime=01:00:00"),
        ("lsf", "#BSUB -W 01:00:00"),
        ("sge", "#$ -l h_rt=01:00:00"),
    ],
)
def test_other_job_systems_get_their_script(system: str, line: str) -> None:
    assert line in job_script(system, "queue=long,time=01:00:00").splitlines()


def test_computer_without_the_job_system_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(FileNotFoundError, match="submitted with sbatch, which is not"),
        job_client("slurm", "", 2),
    ):
        pass


@pytest.mark.parametrize("options", ["nodes=3", "time", "cores=many"])
def test_wrong_options_of_jobs_are_explained(options: str) -> None:
    with pytest.raises(ValueError, match=r"expected KEY=VALUE|cores must be"):
        parse_job_options(options)
