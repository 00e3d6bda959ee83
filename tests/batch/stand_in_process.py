"""In place of the process of a batch: it works until it is stopped, or does not obey."""

import signal
import sys
import time
from pathlib import Path

from napari_sam2.batch.listening import listening
from napari_sam2.batch.process import LINES, BatchBegun, BatchEnded, Message


def say(message: Message) -> None:
    sys.stdout.write(f"{LINES.to_line(message)}\n")
    sys.stdout.flush()


def main(is_stubborn: bool) -> None:
    try:
        with listening(patience_s=0.2 if is_stubborn else 20.0):
            if is_stubborn:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            say(BatchBegun(("a",)))
            while True:
                time.sleep(60)
    except KeyboardInterrupt:
        say(BatchEnded("Stopped.", ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]).parent.name == "stubborn")
