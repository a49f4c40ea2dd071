"""The puts that have no result yet, and what is still to be written to the child."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Callable, Deque, Dict, Iterable, List, Optional, Union

from . import _messages
from ._errors import BufferFull, FlushTimeout, PutExpired, Result

log = logging.getLogger("kplkit")

# What a put costs besides its frame: the future with its lock, and the places in the tables (tracemalloc: 1.8 to 2.0 KiB).
OVERHEAD = 2048

_CHUNK = 64 << 10  # bytes written at once: what a pipe holds on Linux


class Put:
    """A record that has no result yet. Its frame is kept until then: it may have to be sent again."""

    __slots__ = ("id", "frame", "size", "expires", "future")

    def __init__(self, size: int) -> None:
        self.id, self.frame, self.size, self.expires = 0, b"", size, 0.0
        self.future: Future[Result] = Future()
        self.future.set_running_or_notify_cancel()  # the record is on its way: it can't be cancelled


class _Flush:
    """A flush frame in its place among the puts."""

    __slots__ = ("frame",)

    def __init__(self, frame: bytes) -> None:
        self.frame = frame


class _Waiter:
    """A flush that waits for the puts up to an id."""

    __slots__ = ("last", "left")

    def __init__(self, last: int, left: int) -> None:
        self.last, self.left = last, left


class Window:
    """Shared by the user's threads, which add puts, and those of the producer, which write them and finish them.

    A put is claimed, by one thread only, then its future is set, without a lock, and then it is finished: it leaves its
    room to others, and flushes no longer wait for it. So each put has exactly one result, and flush returns after it.
    """

    def __init__(self, limit: int, ttl: float) -> None:
        self._limit, self._ttl = limit, ttl
        lock = threading.Lock()
        self._lock = lock
        self._room = threading.Condition(lock)  # put waits for it
        self._done = threading.Condition(lock)  # flush waits for it
        self._writable = threading.Condition(lock)  # the writer waits for it
        self._puts: Dict[int, Put] = {}  # in the order of their ids, and of their deadlines
        self._ids = itertools.count(1)  # over restarts of the child, too
        self._last_put = 0
        self._bytes = self._claimed = 0  # claimed: and not finished yet
        self._queue: Deque[Union[Put, _Flush]] = deque()  # to be written in this order
        self._control: List[bytes] = []  # frames to be written before them
        self._epoch = 0  # how many children there were: a writer ends when its child is no longer the last
        self._waiters: List[_Waiter] = []
        self._refusal: Optional[Callable[[], Exception]] = None
        self.accepted = self.finished = self.sent_again = self.ignored = 0

    # The user's side.

    def add(self, record: bytes, may_wait: Callable[[], bool]) -> Put:
        """Takes a put. Waits while there is no room, unless may_wait says that nobody would make some."""
        put = Put(len(record) + OVERHEAD)
        with self._lock:
            while not self._refusal and self._bytes and self._bytes + put.size > self._limit:
                if not may_wait():
                    raise BufferFull(f"max_buffered ({self._limit}) is reached: put from a thread of yours")
                self._room.wait()
            if self._refusal:
                raise self._refusal()
            put.id = next(self._ids)
            put.frame = _messages.put_frame(put.id, record)
            put.expires = time.monotonic() + self._ttl
            # Ctrl-C may come between any two lines: the put is there once it is in the table, the last step.
            self._bytes += put.size
            self._queue.append(put)
            self._puts[put.id] = put
            self.accepted += 1
            self._last_put = put.id
            self._writable.notify()
        return put

    def flush(self, timeout: Optional[float], every: float) -> None:
        """Waits until the puts made so far are finished. Until then it has a flush sent again and again."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            waiter = _Waiter(self._last_put, self.outstanding)
            self._waiters.append(waiter)
            try:
                while waiter.left > 0:
                    left = every if deadline is None else deadline - time.monotonic()
                    if left <= 0:
                        raise FlushTimeout(waiter.left, timeout or 0)
                    self._queue.append(_Flush(self._frame({"flush": {}})))
                    self._writable.notify()
                    self._done.wait(min(left, every))
            finally:
                self._waiters.remove(waiter)

    @property
    def outstanding(self) -> int:
        return len(self._puts) + self._claimed

    @property
    def outstanding_bytes(self) -> int:
        return self._bytes

    # The producer's side.

    def send(self, message: _messages.Fields) -> None:
        """Has a message sent before all puts that wait to be written."""
        with self._lock:
            self._control.append(self._frame(message))
            self._writable.notify()

    def _frame(self, message: _messages.Fields) -> bytes:
        return _messages.frame(_messages.encode({"id": next(self._ids), **message}))

    def begin(self, greeting: Callable[[], List[_messages.Fields]]) -> int:
        """A new child is there: the greeting is to be written to it, then what is outstanding, in order, then new puts."""
        with self._lock:
            self._epoch += 1
            self._control = [self._frame(message) for message in greeting()]
            waiting = {item.id for item in self._queue if isinstance(item, Put)}
            self.sent_again += sum(1 for id in self._puts if id not in waiting)
            self._queue = deque(self._puts.values())
            if self._queue:  # they have waited before
                self._queue.append(_Flush(self._frame({"flush": {}})))
            return self._epoch

    def end(self) -> None:
        """The child is gone, or is to end: its writer writes nothing more."""
        with self._lock:
            self._epoch += 1
            self._writable.notify_all()

    def take(self, epoch: int) -> bytes:
        """Returns what is to be written next, b"" when the child of this epoch is not the last any more."""
        while True:
            with self._lock:
                while epoch == self._epoch and not self._control and not self._queue:
                    self._writable.wait()
                if epoch != self._epoch:
                    return b""
                frames, self._control = self._control, []
                size, queue = 0, self._queue
                while queue and size < _CHUNK:
                    frame = queue.popleft().frame
                    size += len(frame)
                    frames.append(frame)
            chunk = b"".join(frames)
            if chunk:  # empty where all of it had its result meanwhile
                return chunk

    def claim(self, ids: Iterable[int]) -> List[Optional[Put]]:
        """Returns the puts with these ids. None stands for one that is not outstanding (any more)."""
        with self._lock:
            puts = [self._puts.pop(id, None) for id in ids]
            unknown = puts.count(None)
            self.ignored += unknown
            self._claimed += len(puts) - unknown
            return puts

    def claim_expired(self) -> List[Put]:
        """Returns the puts whose time is up."""
        now = time.monotonic()
        with self._lock:
            expired = list(itertools.takewhile(lambda put: put.expires <= now, self._puts.values()))
            for put in expired:
                del self._puts[put.id]
            self._claimed += len(expired)
            return expired

    def next_expiry(self) -> float:
        """Returns when the first time is up. A put that comes meanwhile has its own later than that."""
        with self._lock:
            first = next(iter(self._puts.values()), None)
            return first.expires if first else time.monotonic() + self._ttl

    def finish(self, puts: List[Put]) -> None:
        """The futures of these puts are set."""
        with self._lock:
            for put in puts:
                put.frame = b""  # it may still be in the queue
                self._bytes -= put.size
                for waiter in self._waiters:
                    waiter.left -= put.id <= waiter.last
            self._claimed -= len(puts)
            self.finished += len(puts)
            self._room.notify_all()
            if any(waiter.left <= 0 for waiter in self._waiters):
                self._done.notify_all()

    def refuse(self, why: Callable[[], Exception]) -> None:
        """From now on put raises what why makes. Those that wait for room are woken, and raise it, too."""
        with self._lock:
            self._refusal = self._refusal or why
            self._room.notify_all()

    def fail(self, why: Callable[[], Exception]) -> None:
        """Refuses puts, and fails what is outstanding."""
        with self._lock:
            self._refusal = self._refusal or why
            puts = list(self._puts.values())
            self._claimed += len(puts)
            self._puts.clear()
            self._queue.clear()
            self._room.notify_all()
        for put in puts:
            settle(put, None, why())
        self.finish(puts)

    def expire(self, message: str) -> None:
        """Fails the puts whose time is up."""
        expired = self.claim_expired()
        for put in expired:
            settle(put, None, PutExpired("Expired", message, ()))
        if expired:
            self.finish(expired)


def settle(put: Put, result: Optional[Result], failure: Optional[Exception]) -> None:
    """Sets the future of a put that was claimed."""
    try:
        if result is not None:
            put.future.set_result(result)
        else:
            put.future.set_exception(failure)
    except BaseException:  # the user's callbacks run in there, and sys.exit in one must not end this thread
        log.exception("kplkit: a callback of a future raised")
