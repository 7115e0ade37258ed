"""Start a child process with a bare environment and limits, talk to it in frames, and be rid of it."""

import collections
import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from volunteer.children.frames import MAX_FRAME, read_frame, write_frame
from volunteer.children.limits import Limits
from volunteer.children.programs import command
from volunteer.children.suspending import end, resume, suspend

_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TZ", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


# A child that talks without end fills neither this process's memory nor the disk.
MOST_ANSWERS = 64
LONGEST_LINE = 2**13
MOST_OF_A_LOG = 2**22


class ChildGone(Exception):
    """The child process ended before it answered."""

    def __init__(self, exit_code: int | None, last_words: str) -> None:
        super().__init__(f"the child process ended with {exit_code}: {last_words[-500:]}")
        self.exit_code = exit_code
        self.last_words = last_words


class ChildSilent(Exception):
    """The child process did not answer in time."""


class Child:
    """One child process running `module` as its main program, working in `folder`.

    Its environment holds a path, a language and a home inside `folder`, and what `environment` adds: no token, no
    secret. Its standard input and output are the frame channel; what it prints to standard error is kept (the last
    100 lines) and, with `log`, appended there.
    """

    def __init__(
        self,
        module: str,
        folder: Path,
        limits: Limits,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        first: Mapping[str, Any] | None = None,
        longest_answer: int = MAX_FRAME,
    ) -> None:
        """`first`: what the child has to know besides its limits before it does anything else. A child that answers
        with more than `longest_answer` bytes at once is heard no more, as if it had ended."""
        folder.mkdir(parents=True, exist_ok=True)
        scrubbed = {name: os.environ[name] for name in _KEPT if name in os.environ}
        scrubbed |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._process = subprocess.Popen(
            command(module),
            cwd=folder,
            env=scrubbed,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C in a terminal is for the parent; it decides what its children do.
            start_new_session=True,
        )
        self._longest_answer = longest_answer
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST_ANSWERS)
        self._last_words: collections.deque[str] = collections.deque(maxlen=100)
        self._threads = [
            threading.Thread(target=self._collect_answers, daemon=True),
            threading.Thread(target=self._collect_words, args=(log,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.send({"limits": limits.to_message(), **(first or {})})

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Raises ChildGone when nobody listens any more."""
        stream = self._process.stdin
        assert stream is not None
        try:
            write_frame(stream, message)  # type: ignore[arg-type]
        except (BrokenPipeError, OSError, ValueError) as error:
            if self._process.poll() is None and isinstance(error, ValueError) and not stream.closed:
                raise
            raise self._gone() from None

    def receive(self, timeout: float) -> dict[str, Any]:
        """The child's next message. Raises ChildSilent after `timeout` seconds, ChildGone when it has ended."""
        try:
            answer = self._answers.get(timeout=max(timeout, 0))
        except queue.Empty:
            raise ChildSilent(f"no answer within {timeout:.1f} s") from None
        if answer is None:
            self._answers.put(None)
            raise self._gone()
        return answer

    def suspend(self) -> None:
        """Stop the child's use of the processor at once, with everything it has started. One that is gone uses none."""
        if self.alive:
            suspend(self.pid)

    def resume(self) -> None:
        """Let it go on where it was suspended."""
        if self.alive:
            resume(self.pid)

    def kill(self) -> None:
        """End the child now and wait until it is gone; its pipes are closed."""
        if self.alive:
            end(self.pid)
        self._process.wait()
        self._close_pipes()

    def close(self, patience: float = 2.0) -> None:
        """Let the child end by itself (its input closes); after `patience` seconds it is killed."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self.kill()

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _gone(self) -> ChildGone:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._threads[1].join(1)
        return ChildGone(self._process.poll(), "\n".join(self._last_words))

    def _close_pipes(self) -> None:
        until = time.monotonic() + 2
        while self._threads[0].is_alive() and time.monotonic() < until:
            # Answers that nobody will read may fill the queue, and then its thread waits for room.
            with contextlib.suppress(queue.Empty):
                self._answers.get_nowait()
            self._threads[0].join(0.001)
        self._threads[1].join(2)
        answers, words = (not thread.is_alive() for thread in self._threads)
        process = self._process
        for stream, read in ((process.stdin, True), (process.stdout, answers), (process.stderr, words)):
            # Who reads still, because a process that got away holds the other end, would keep us waiting for that.
            if stream is not None and read:
                with contextlib.suppress(OSError):
                    stream.close()

    def _collect_answers(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with contextlib.suppress(ValueError, OSError, RecursionError), stream:
            while (message := read_frame(stream, self._longest_answer)) is not None:  # type: ignore[arg-type]
                self._answers.put(message)
        self._answers.put(None)

    def _collect_words(self, log: Path | None) -> None:
        stream = self._process.stderr
        assert stream is not None
        with contextlib.suppress(ValueError, OSError), stream:
            room = MOST_OF_A_LOG
            while line := stream.readline(LONGEST_LINE):
                text = line.decode("utf-8", "replace").rstrip()
                self._last_words.append(text)
                room -= len(line)
                if log is not None and room > 0:
                    # On a full disk too somebody has to listen, or the child waits for that for ever.
                    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
                        file.write(text + "\n")
