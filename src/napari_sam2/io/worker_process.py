"""Worker processes: they report by JSON lines, and end with the program that started them.

A worker reads its task from files and writes messages, one JSON line each, on its standard output.
A line ``stop`` on its standard input asks it to end; the end of the input means that the program
that started it is gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

STOP = "stop"
_FAILED = "failed"

MessageT = TypeVar("MessageT")


class MessageLines(Generic[MessageT]):
    """Messages as lines of JSON.

    Parameters
    ----------
    kinds : sequence of type
        Data classes of the messages; their values are numbers, texts and tuples of such.
    failure : type
        Exception that is raised for a line which says that the work failed.
    """

    def __init__(self, kinds: Sequence[type[MessageT]], failure: type[Exception]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self.failure = failure

    def to_line(self, message: MessageT | str) -> str:
        """A message as a line of JSON; a text says why the work failed."""
        if isinstance(message, str):
            return json.dumps({"kind": _FAILED, "why": message})
        content: Any = message
        return json.dumps({"kind": type(message).__name__, **asdict(content)})

    def from_line(self, line: str) -> MessageT:
        """The message of a line; raises the failure if the line says that the work failed."""
        content: dict[str, Any] = json.loads(line)
        kind = content.pop("kind")
        if kind == _FAILED:
            raise self.failure(content["why"])
        return self._kinds[kind](**{key: _frozen(value) for key, value in content.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


class WorkerProcess(Generic[MessageT]):
    """A Python module that runs in another process and reports messages.

    Parameters
    ----------
    module : str
        The module, which is run with ``python -m``.
    arguments : sequence of str
        Its arguments.
    log : Path
        File for its standard error.
    threads : int
        Threads for its numerical work.
    lines : MessageLines
        Reads its messages.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        threads: int,
        lines: MessageLines[MessageT],
    ) -> None:
        self._lines = lines
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def messages_until(self, last: type[MessageT], too_early: str) -> Iterator[MessageT]:
        """Messages up to the last one; waits for each of them.

        Parameters
        ----------
        last : type
            Kind of the last message.
        too_early : str
            Why the work failed if the process ends before; ``{code}`` stands for its exit code.
        """
        for line in _pipe(self._process.stdout):
            message = self._lines.from_line(line)
            yield message
            if isinstance(message, last):
                return
        raise self._lines.failure(too_early.format(code=self._process.wait()))

    def stop(self) -> None:
        """Ask the process to end soon."""
        with suppress(OSError, ValueError):  # it may have ended meanwhile
            pipe = _pipe(self._process.stdin)
            pipe.write(f"{STOP}\n")
            pipe.flush()

    def close(self) -> None:
        """Let the process end by itself; returns at once."""
        with suppress(OSError):
            _pipe(self._process.stdin).close()

    def wait(self) -> None:
        """Wait for the end of the process, and close what is left of it."""
        self.close()
        self._process.wait()
        _pipe(self._process.stdout).close()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
