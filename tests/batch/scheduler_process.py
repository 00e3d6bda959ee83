"""A scheduler of Dask in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from multiprocessing.connection import Connection

from distributed import Scheduler

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def serve(port: int, ready: Connection) -> None:
    """Serve until the process is killed."""

    async def run() -> None:
        async with Scheduler(host="127.0.0.1", port=port, dashboard=False) as scheduler:
            ready.send(True)
            await scheduler.finished()

    asyncio.run(run())


class SchedulerProcess:
    """A scheduler that can be killed and started again at the same address."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._context = multiprocessing.get_context(_METHOD)
        if _METHOD == "forkserver":
            self._context.set_forkserver_preload(["distributed", "napari_sam2.batch.workers"])
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        here, there = self._context.Pipe()
        self._process = self._context.Process(target=serve, args=(self._port, there), daemon=True)
        self._process.start()
        assert here.recv()
        here.close()
        there.close()

    def kill(self) -> None:
        """End it at once, as an unplugged computer does."""
        self._process.kill()
        self._process.join()
