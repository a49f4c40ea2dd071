"""One child process, with the threads that read its frames, write its frames, and log its stderr."""

from __future__ import annotations

import logging
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import Callable, Deque, IO, Iterator, List, Optional, Sequence, Set

from . import _messages
from ._errors import outcome
from ._window import Put, Window, settle

log = logging.getLogger("kplkit")

# Held while a process is started and noted, and while a pipe is closed: a fork of the user's at that moment would keep
# it open as long as the new process lives.
spawning = threading.Lock()
_running: Set[subprocess.Popen[bytes]] = set()

_JOIN = 5.0  # seconds that the threads get to end once the process has: they have little left to read
_LAST_WORDS = 20  # lines
_LONGEST_LINE = 8192


class OwnThread(threading.Thread):
    """A thread of a producer's own. What waits for the window to empty would wait for ever in it.

    It does one task after the other, for one child after the other: Python 3.12 starts no thread any more while a program
    ends, and a child that dies then has to be started again all the same.
    """

    def __init__(self, window: Window, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.window = window
        self._tasks: queue.SimpleQueue[Optional[Callable[[], None]]] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self.start()

    def begin(self, task: Callable[[], None]) -> None:
        self._idle.clear()
        self._tasks.put(task)

    def wait(self, timeout: float) -> bool:
        """Waits until the task is done. False: it is not."""
        return self._idle.wait(timeout)

    def quit(self) -> None:
        """Ends the thread after its task."""
        self._tasks.put(None)

    def run(self) -> None:
        for task in iter(self._tasks.get, None):
            try:
                task()
            except BaseException:  # a fault of this package, or of the user's log handler
                log.exception("kplkit: %s failed", self.name)
            self._idle.set()


class Child:
    """A child that runs. wake is called when it ends, and when it says something for the first time."""

    def __init__(
        self,
        command: Sequence[str],
        window: Window,
        threads: Sequence[OwnThread],
        greeting: Callable[[], List[_messages.Fields]],
        wake: Callable[[], None],
    ) -> None:
        self._window, self._wake = window, wake
        self.last_words: Deque[str] = deque(maxlen=_LAST_WORDS)
        self.why = ""  # why it is of no use any more, "" while it is
        self.ended = False  # it ended by itself, as far as is known: its exit status means something
        self.results = 0
        self.spoke = False
        self.started = self.heard = time.monotonic()  # heard: the last frame
        self.reading = True  # false while results are handed out, when nothing can be heard
        self.process = _spawn(command)
        self.pid = self.process.pid
        self._epoch = window.begin(greeting)
        self._threads = threads
        for thread, task in zip(threads, (self._read, self._write, self._log)):
            thread.begin(task)

    def end(self, grace: float) -> int:
        """Ends the child and returns its exit status. With grace it may end by itself for that many seconds."""
        self._window.end()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            _kill(self.process)
        status = self.process.wait()
        for thread in self._threads:
            thread.wait(_JOIN)
        _running.discard(self.process)
        return status

    def _failed(self, why: str, ended: bool) -> None:
        if not self.why:
            self.ended = ended
            self.why = why
        self._wake()

    # Each thread closes its own pipe: closed by another one, its number could be in use again for something else.

    def _write(self) -> None:
        _block_sigpipe()
        with _closing(self.process.stdin) as pipe:
            try:
                while True:
                    rest = memoryview(self._window.take(self._epoch))
                    if not rest:
                        return
                    while rest:
                        rest = rest[pipe.write(rest) :]
            except OSError as error:
                self._failed(f"it reads no more: {error.strerror}", True)

    def _read(self) -> None:
        buffer = bytearray()
        with _closing(self.process.stdout) as pipe:
            try:
                while True:
                    data = os.read(pipe.fileno(), 64 << 10)
                    if not data:
                        self._failed("it closed its output", True)
                        return
                    buffer += data
                    self.reading = False
                    self._take(buffer)
                    self.reading = True
            except Exception as error:
                self._failed(f"what it writes can't be read: {error}", False)

    def _take(self, buffer: bytearray) -> None:
        """Hands out what came in whole frames, also when what follows them is garbage."""
        results: List[_messages.Fields] = []
        try:
            for data in _messages.split(buffer):
                self.heard = time.monotonic()
                message = _messages.decode(data)
                if "put_record_result" in message and "source_id" in message:
                    if not _given_back(message["put_record_result"]):
                        results.append(message)
                elif "metrics_response" not in message:
                    log.warning(
                        "kplkit: the child %d sent a message that is not for a parent: %s", self.pid, list(message)
                    )
                if not self.spoke:
                    self.spoke = True
                    self._wake()
        finally:
            if results:
                self.results += len(results)
                self._hand_out(results)
                self.heard = time.monotonic()

    def _hand_out(self, results: List[_messages.Fields]) -> None:
        claimed = self._window.claim(result["source_id"] for result in results)
        done: List[Put] = []
        for put, result in zip(claimed, results):
            if put is not None:
                settle(put, *outcome(result["put_record_result"]))
                done.append(put)
        if done:
            self._window.finish(done)

    def _log(self) -> None:
        with _closing(self.process.stderr) as pipe:
            with open(pipe.fileno(), "rb", closefd=False) as lines:
                for raw in iter(lambda: lines.readline(_LONGEST_LINE), b""):
                    line = raw.decode("utf-8", "replace").rstrip()
                    if line and line not in ("++++", "----"):  # which stand around a record
                        self.last_words.append(line)
                        log.log(_level(line), "%s", line)


def _given_back(result: _messages.Fields) -> bool:
    """Whether a daemon that was told to end did not send the record: the next child does."""
    attempts = result.get("attempts", [])
    return not result.get("success") and bool(attempts) and attempts[-1].get("error_code") == "Shutdown"


def abandon_all() -> None:
    """In a process that was forked off: closes the pipes, so that the children see when their real parent ends."""
    global spawning
    spawning = threading.Lock()  # the old one may be held by a thread that is not here
    for process in _running:
        for pipe in (process.stdin, process.stdout, process.stderr):
            _pipe(pipe).close()
    _running.clear()


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    with spawning:
        process = _popen(command)
        _running.add(process)
        return process


def _popen(command: Sequence[str]) -> subprocess.Popen[bytes]:
    if sys.platform == "win32":
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a process group of its own: Ctrl-C is for the user's program
    )


def _pipe(pipe: Optional[IO[bytes]]) -> IO[bytes]:
    assert pipe is not None  # as _spawn asked for all three
    return pipe


@contextmanager
def _closing(pipe: Optional[IO[bytes]]) -> Iterator[IO[bytes]]:
    """Closes a pipe at the end, and not while a fork is under way."""
    try:
        yield _pipe(pipe)
    finally:
        with spawning:
            _pipe(pipe).close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a child that was not waited for yet, with its whole group: it may be a shell that runs the daemon."""
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _block_sigpipe() -> None:
    """A program may have set SIGPIPE to its default: writing to a dead child would then end the program."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})


_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_LEVEL = re.compile(r"\[(%s)\]" % "|".join(_LEVELS), re.IGNORECASE)


def _level(line: str) -> int:
    """Returns the level of a line, warning where it names none: a panic does not."""
    found = _LEVEL.search(line)
    return _LEVELS[found.group(1).lower()] if found else logging.WARNING
