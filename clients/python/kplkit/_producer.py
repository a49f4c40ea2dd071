"""The producer: what the user calls."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Set, Tuple, Type

from . import _child, _messages, _settings
from ._credentials import Credentials, CredentialsSource, ask, find_credentials, find_endpoint, find_region, search
from ._errors import ProducerClosed, Result, SettingError
from ._supervisor import Supervisor
from ._window import Window

log = logging.getLogger("kplkit")

# Seconds.
_FLUSH = 0.5  # between the flush frames of one flush, as in the KPL
_EXPIRY = 0.25  # after record_ttl, so that the child says first that a put expired, and why

_MOST_BUFFERED = 250 << 20  # the child has to hold four times as much, and takes 1000 MiB at most
_CHILD_HOLDS = 64 << 20  # bytes that fit into the child unless told: it must always go on reading, or it seems to hang


class Stats(NamedTuple):
    """What a producer did so far."""

    puts: int  # that were taken
    results: int  # futures that are set, with a result or an exception
    restarts: int  # of the child
    sent_again: int  # puts that were sent to another child again
    ignored: int  # results of puts that were not outstanding any more: late, or twice
    outstanding: int  # puts without a result
    outstanding_bytes: int  # what they count of max_buffered


class Producer:
    """Puts records into Kinesis streams, in the KPL's format, by a child process that may crash.

    command: the child and its first arguments; region and endpoint: "" or None are those of AWS's environment variables
    (AWS_REGION, AWS_ENDPOINT_URL_KINESIS or AWS_ENDPOINT_URL), the endpoint AWS's own where they have none. Beside a Kinesis
    on this machine no metrics go to CloudWatch, unless metrics_level or cloudwatch_endpoint is given; credentials: as find_credentials finds them unless given; max_buffered: the bytes of all puts
    that have no result yet, each counted with 2 KiB for what Python keeps beside it; the rest: the KPL's settings by their
    names in docs/separate-process.md, times in milliseconds.

    It returns when the child runs and has taken its settings. All methods may be called by many threads at once.
    """

    def __init__(
        self,
        command: Sequence[str] = ("kplkit", "daemon"),
        region: Optional[str] = None,
        endpoint: Optional[str] = None,
        credentials: Optional[CredentialsSource] = None,
        max_buffered: int = 64 << 20,
        **kpl_settings: Any,
    ) -> None:
        if isinstance(command, (str, bytes)) or not command or not all(map(_is_word, command)):
            raise SettingError("command", command, 'a list of the program and its arguments: ["kplkit", "daemon"]')
        if not isinstance(max_buffered, int) or not 2 << 20 <= max_buffered <= _MOST_BUFFERED:
            raise SettingError("max_buffered", max_buffered, "a number of bytes, 2 MiB to 250 MiB")
        if endpoint and "kinesis_endpoint" in kpl_settings:
            raise SettingError("endpoint", endpoint, "one of endpoint and kinesis_endpoint, not both")
        if "kinesis_endpoint" not in kpl_settings:
            endpoint = endpoint or find_endpoint()
        if endpoint:
            kpl_settings["kinesis_endpoint"] = endpoint
        if "cloudwatch_endpoint" not in kpl_settings and _settings.is_local(kpl_settings.get("kinesis_endpoint")):
            kpl_settings.setdefault("metrics_level", "none")
        fields = _settings.configuration({**kpl_settings, "region": region or find_region()})
        arguments = _arguments(fields, max_buffered)
        ttl = fields.get("record_ttl", 30_000) / 1000
        self._window = Window(max_buffered, ttl + _EXPIRY)
        first, renew = _credentials_of(credentials)
        if not first:
            arguments.append("--default-credentials")
        self._supervisor = Supervisor([*command, *arguments], self._window, ttl, first, renew)
        self._closing = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        _is_copy(self._process)  # closes the pipes of producers from before a fork
        _producers.add(self)
        _close_in_workers()
        try:
            self._supervisor.start()
        except BaseException:
            self._stop()
            raise

    # What the user calls.

    def put(
        self, stream: str, partition_key: str, data: bytes, explicit_hash_key: Optional[str] = None
    ) -> Future[Result]:
        """Takes a record, and returns a future of its Result. Waits while max_buffered is reached.

        The future raises PutFailed, PutExpired after record_ttl, or ChildFailed in a crash loop, and it always ends. Its
        callbacks run in the producer's thread: they must be short, and neither flush nor close.
        """
        if _is_copy(self._process):
            raise _forked()
        if not isinstance(stream, str) or not stream:
            raise ValueError(f"the stream is {stream!r}, want its name")
        if not isinstance(partition_key, str):
            raise TypeError(f"the partition key is {partition_key!r}, want a str")
        if not partition_key or len(partition_key) > 256:
            raise ValueError(f"the partition key has {len(partition_key)} characters, want 1 to 256")
        hash_key = "" if explicit_hash_key is None else _hash_key(explicit_hash_key)
        record = _messages.put_record(
            stream.encode(),
            partition_key.encode(),
            data if isinstance(data, bytes) else _bytes(data),
            hash_key.encode(),
        )
        if len(record) + 16 > _messages.CHILD_LIMIT:
            raise ValueError(
                f"the record has {len(data)} bytes: it does not fit into a message of {_messages.CHILD_LIMIT}"
            )
        return self._window.add(record, self._may_wait).future

    def flush(self, timeout: Optional[float] = None) -> None:
        """Has what is held sent at once, and waits until all puts before it have their result, be it an exception.

        A FlushTimeout, which is a TimeoutError, says how many have none after timeout seconds. Progress: outstanding.
        """
        self._not_inside("flush")
        if _is_copy(self._process):
            raise _forked()
        self._window.flush(timeout, _FLUSH)

    def close(self) -> None:
        """Flushes, and ends the child. Takes record_ttl at most, and a while for the child. May be called twice."""
        self._not_inside("close")
        if _is_copy(self._process):
            return  # a copy in a process that was forked off: the producer is not here
        with self._closing:
            if self._closed:
                return
            self._window.refuse(lambda: ProducerClosed("the producer is closed: make a new one"))
            try:
                self._window.flush(None, _FLUSH)
            finally:  # an interrupted close ends all the same
                self._stop()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Producer can't be sent to another process: make one in each process")

    @property
    def pid(self) -> Optional[int]:
        """The process id of the child that runs now. None while it is being started again, and when there is none."""
        child = self._supervisor.child
        return child.pid if child else None

    @property
    def outstanding(self) -> int:
        """How many puts have no result yet."""
        return self._window.outstanding

    @property
    def stats(self) -> Stats:
        w = self._window
        return Stats(
            w.accepted,
            w.finished,
            self._supervisor.restarts,
            w.sent_again,
            w.ignored,
            w.outstanding,
            w.outstanding_bytes,
        )

    def _stop(self) -> None:
        self._closed = True
        _producers.discard(self)
        self._supervisor.stop()

    def _may_wait(self) -> bool:
        """Whether the thread that runs now is none of those that make room."""
        return getattr(threading.current_thread(), "window", None) is not self._window

    def _not_inside(self, what: str) -> None:
        if not self._may_wait():
            raise RuntimeError(f"{what} was called in a callback of a future: it would wait for itself")


def _credentials_of(
    source: Optional[CredentialsSource],
) -> Tuple[Optional[Credentials], Optional[Callable[[], Credentials]]]:
    """Returns the credentials to begin with, and where fresh ones come from. None at all: the child is to look itself."""
    if source is None:
        found = search()
        return found, find_credentials if found else None
    if callable(source):
        return ask(source), lambda: ask(source)
    return ask(source), None


def _arguments(fields: Dict[str, Any], max_buffered: int) -> List[str]:
    arguments = ["-i", "-", "-o", "-", "-c", _messages.encode({"id": 0, "configuration": fields}).hex().upper()]
    if "log_level" in fields:
        arguments += ["-l", fields["log_level"]]
    if max_buffered > _CHILD_HOLDS:
        arguments += ["--max-buffered", str(4 * max_buffered)]
    return arguments


def _is_word(word: object) -> bool:
    return isinstance(word, (str, os.PathLike)) and "\0" not in str(word)


def _bytes(data: object) -> bytes:
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f'the data is a {type(data).__name__}, want bytes: "text".encode() for example') from None


def _hash_key(text: str) -> str:
    # The KPL's own process crashes at what is not a number.
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 39 and int(text) < 1 << 128):
        raise ValueError(f"the explicit hash key is {text!r}, want a number from 0 to 2**128 - 1, in decimal digits")
    return str(int(text))  # Kinesis takes no leading zeros


# What the whole process has to know: all producers that are open. It keeps them, also when the user holds none any more:
# one that nobody closed is closed at the end of the program.
_producers: Set[Producer] = set()


def _close_all() -> None:
    """At the end of the program: what was put and not flushed is not forgotten."""
    for producer in list(_producers):
        if producer.outstanding:
            log.warning("kplkit: a producer was not closed: waiting for its %d records", producer.outstanding)
        producer.close()


_finalized = 0  # the process in which multiprocessing knows of _close_all


def _close_in_workers() -> None:
    """A worker of multiprocessing that was forked ends without atexit. It has an end of its own, in each process anew."""
    global _finalized
    if "multiprocessing" in sys.modules and _finalized != os.getpid():
        from multiprocessing import util

        _finalized = os.getpid()
        util.Finalize(None, _close_all, exitpriority=100)  # before its queues, which callbacks may use, at 10 and less


def _forked() -> ProducerClosed:
    return ProducerClosed("the producer was made before a fork: make one in each process")


_here = os.getpid()  # the process that _after_fork ran in last


def _is_copy(process: int) -> bool:
    """Whether this is another process. C code, uWSGI's for example, may fork without Python's hooks: done here then."""
    if _here != os.getpid():
        _after_fork()
    return process != _here


def _after_fork() -> None:
    """In the new process: it has no threads of a producer, and must not hold the child's pipes open."""
    global _here
    _here = os.getpid()
    _child.abandon_all()
    _producers.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # the lock is another one after each fork
    os.register_at_fork(
        before=lambda: _child.spawning.acquire(),
        after_in_parent=lambda: _child.spawning.release(),
        after_in_child=_after_fork,
    )
