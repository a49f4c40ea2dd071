"""The producer: what the user calls, and the thread that keeps a child running."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from . import _child, _messages, _settings
from ._child import Child, OwnThread
from ._credentials import Credentials, CredentialsSource, find_credentials, find_region, search
from ._errors import ChildFailed, CredentialsError, ProducerClosed, Result, SettingError, SettingRefused
from ._window import Window

log = logging.getLogger("kplkit")

# Seconds.
_START = 30.0  # the first child gets this long until its first word
_PING = 10.0  # between metrics requests, which ask for a sign of life
_HANG = 30.0  # without any frame while a metrics request is open: the child hangs
_GRACE = 10.0  # the child gets this long to end when its input ends: it sends for 4 s at most
_REAP = 1.0  # the same for one that closed its pipes, which is usually dead
_FLUSH = 0.5  # between the flush frames of one flush, as in the KPL
_EXPIRY = 0.25  # after record_ttl: the child says first that a put expired, and why
_SOON = 0.01  # before a child is started again that had worked
_BACKOFF, _BACKOFF_LIMIT = 0.05, 5.0  # before one that had not: doubled each time
_WORKED = 10.0  # a child that ran this long has worked, also when there was nothing to put
_FRESH = 300.0  # credentials are asked for anew this long before they expire, and at least this often
_FRESH_AGAIN = 10.0  # and when that failed

_CHILD_HOLDS = 64 << 20  # bytes that fit into the child unless told: it must always go on reading, or it seems to hang
_TRIES = 10  # children in a row that did not work: a crash loop, after about 16 s


_SIGN_OF_LIFE = {"metrics_request": {"name": "UserRecordsPut", "seconds": 1}}


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
    and AWS itself; credentials: as find_credentials finds them unless given; max_buffered: the bytes of all puts
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
        if isinstance(command, (str, bytes)) or not command:
            raise SettingError("command", command, 'a list of the program and its arguments: ["kplkit", "daemon"]')
        if not isinstance(max_buffered, int) or max_buffered < 2 << 20:
            raise SettingError("max_buffered", max_buffered, "a number of bytes, 2 MiB or more")
        if endpoint and "kinesis_endpoint" in kpl_settings:
            raise SettingError("endpoint", endpoint, "one of endpoint and kinesis_endpoint, not both")
        if endpoint:
            kpl_settings["kinesis_endpoint"] = endpoint
        fields = _settings.configuration({**kpl_settings, "region": region or find_region()})
        self._command = [*command, *_arguments(fields, max_buffered)]
        self._ttl = fields.get("record_ttl", 30_000) / 1000
        self._window = Window(max_buffered, self._ttl + _EXPIRY)
        self._source = credentials
        self._credentials = search() if credentials is None else _ask(credentials)
        if not self._credentials:
            self._command.append("--default-credentials")
        self._child: Optional[Child] = None
        self._restarts = 0
        self._wake = threading.Event()  # for the supervisor
        self._ready = threading.Event()  # the first child has spoken, or there will be none
        self._failure: Optional[Callable[[], ChildFailed]] = None
        self._closing = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = False
        self._pid = os.getpid()
        self._supervisor = OwnThread(self._window, self._supervise, "kplkit-supervisor")
        self._supervisor.start()
        if self._credentials and not isinstance(credentials, Credentials):
            threading.Thread(
                target=self._renew, args=(self._credentials,), name="kplkit-credentials", daemon=True
            ).start()
        _producers.add(self)
        try:
            self._await_child()
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
        if not isinstance(stream, str) or not stream:
            raise ValueError(f"the stream is {stream!r}, want its name")
        if not partition_key or len(partition_key) > 256:
            raise ValueError(f"the partition key has {len(partition_key)} characters, want 1 to 256")
        if explicit_hash_key is not None:
            _check_hash_key(explicit_hash_key)
        record = _messages.put_record(
            stream.encode(),
            partition_key.encode(),
            data if isinstance(data, bytes) else bytes(memoryview(data)),
            (explicit_hash_key or "").encode(),
        )
        if len(record) + 16 > _messages.CHILD_LIMIT:
            raise ValueError(f"the record has {len(data)} bytes: it does not fit into a message of {_messages.CHILD_LIMIT}")
        return self._window.add(record, self._may_wait).future

    def flush(self, timeout: Optional[float] = None) -> None:
        """Has what is held sent at once, and waits until all puts before it have their result, be it an exception.

        A FlushTimeout, which is a TimeoutError, says how many have none after timeout seconds. Progress: outstanding.
        """
        self._not_inside("flush")
        self._window.flush(timeout, _FLUSH)

    def close(self) -> None:
        """Flushes, and ends the child. Takes record_ttl at most, and a while for the child. May be called twice."""
        self._not_inside("close")
        if self._pid != os.getpid():
            return  # a copy in a process that was forked off: the producer is not here
        with self._closing:
            if self._stopped:
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

    @property
    def pid(self) -> Optional[int]:
        """The process id of the child that runs now. None while it is being started again, and when there is none."""
        child = self._child
        return child.pid if child else None

    @property
    def outstanding(self) -> int:
        """How many puts have no result yet."""
        return self._window.outstanding

    @property
    def stats(self) -> Stats:
        w = self._window
        return Stats(
            w.accepted, w.finished, self._restarts, w.sent_again, w.ignored, w.outstanding, w.outstanding_bytes
        )

    def _may_wait(self) -> bool:
        """Whether the thread that runs now is none of those that make room."""
        return getattr(threading.current_thread(), "window", None) is not self._window

    def _not_inside(self, what: str) -> None:
        if not self._may_wait():
            raise RuntimeError(f"{what} was called in a callback of a future: it would wait for itself")

    # The supervisor: one thread, which starts the child, and starts it again.

    def _await_child(self) -> None:
        if not self._ready.wait(_START):
            words = self._child.last_words if self._child else ()
            what = f"{self._command[0]} said nothing within {_START} s after its start"
            self._fail(lambda: ChildFailed(what, None, tuple(words)))
        if self._failure:
            raise self._failure()

    def _supervise(self) -> None:
        try:
            self._keep_running()
        except BaseException as error:  # a fault of this package: what is outstanding has to know
            log.exception("kplkit: the supervisor failed")
            what = f"a fault of the kplkit package, please report it: {error!r}"
            self._fail(lambda: ChildFailed(what))
            if self._child:
                self._child.end(0)

    def _keep_running(self) -> None:
        unwell = 0  # children in a row that did not work
        while not self._stopping.is_set():
            why, worked = self._run_one()
            if not why:
                return
            unwell = 0 if worked else unwell + 1
            if unwell >= _TRIES:
                last = why()
                what = f"a crash loop, {unwell} children in a row did no work; the last one: {last.what}"
                return self._fail(lambda: ChildFailed(what, last.exit_status, last.last_words))
            pause = min(_BACKOFF * 2 ** (unwell - 1), _BACKOFF_LIMIT) if unwell else _SOON
            log.warning("kplkit: %s: starting again in %.2f s, %d puts are outstanding", why().what, pause, self.outstanding)
            self._restarts += 1
            self._pause(pause)

    def _run_one(self) -> Tuple[Optional[Callable[[], ChildFailed]], bool]:
        """Runs one child to its end. Returns why it ended, None if nobody wants another, and whether it had worked."""
        try:
            child = Child(self._command, self._window, self._greeting, self._wake.set)
        except OSError as error:
            what = f"{self._command[0]} can't be started: {error.strerror}: install it, or give its path in command="
            if not self._ready.is_set():
                self._fail(lambda: ChildFailed(what))
                return None, False
            return (lambda: ChildFailed(what)), False
        self._child = child
        why = self._watch(child)
        self._child = None
        status = child.end(_GRACE if not why else _REAP if child.ended else 0)
        if self._stopping.is_set():
            return None, False
        worked = bool(child.results) or child.spoke and time.monotonic() - child.started > _WORKED
        what, words = f"the child {child.pid} ended: {why}, exit status {status}", tuple(child.last_words)
        if status == 1 and child.ended:
            self._fail(lambda: SettingRefused(f"{what}, a bad setting", status, words))
            return None, False
        return (lambda: ChildFailed(what, status, words)), worked

    def _watch(self, child: Child) -> str:
        """Returns when the child is of no use any more, with the reason, or when it is to stop, with none."""
        asked = child.started  # when the metrics request that is open was sent; 0: none is
        while not child.why:
            if self._stopping.is_set():
                return ""
            if child.spoke:
                self._ready.set()
            now = time.monotonic()
            if asked and child.heard > asked:
                asked = 0.0
            if asked and child.reading and now - max(asked, child.heard) > _HANG:
                return f"it hangs: no frame for {_HANG} s"
            if not asked and now - child.heard >= _PING:
                asked = now
                self._window.send(_SIGN_OF_LIFE)
            ping = max(asked, child.heard) + _HANG if asked else child.heard + _PING
            self._sleep(ping)
        return child.why

    def _sleep(self, until: float) -> None:
        """Sleeps until something has to be done. Fails the puts whose time is up."""
        starts = f"the child was started {self._restarts + 1} times so far"
        if not self._credentials:
            starts += "; no keys were found here, and the child looked for credentials itself, maybe in vain"
        self._window.expire(f"no result within {self._ttl} s ({starts}); the record may be stored all the same")
        until = min(until, self._window.next_expiry())
        # Not less than 10 ms: while a hang is judged with its reader busy, there is nothing to do until it is not.
        self._wake.wait(max(until - time.monotonic(), 0.01))
        self._wake.clear()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and time.monotonic() < until:
            self._sleep(until)

    def _fail(self, why: Callable[[], ChildFailed]) -> None:
        """No child will run any more."""
        log.error("kplkit: %s", why())
        self._failure = why
        self._window.fail(why)
        self._ready.set()

    def _stop(self) -> None:
        _producers.discard(self)
        self._stopped = True
        self._stopping.set()
        self._wake.set()
        self._supervisor.join()
        # After a close that was interrupted; otherwise nothing is outstanding.
        self._window.fail(lambda: ProducerClosed("the producer is closed: make a new one"))

    # Credentials.

    def _greeting(self) -> List[_messages.Fields]:
        c = self._credentials
        return [_credentials_message(c), _SIGN_OF_LIFE] if c else [_SIGN_OF_LIFE]

    def _renew(self, current: Credentials) -> None:
        """Asks for fresh credentials before they expire, and every five minutes at least. The old ones hold meanwhile."""
        pause = _until_renewal(current)
        while not self._stopping.wait(pause):
            try:
                fresh = find_credentials() if self._source is None else _ask(self._source)
            except Exception as error:
                log.error("kplkit: no fresh credentials, the old ones are used: %s", error)
                pause = _FRESH_AGAIN
                continue
            if fresh != self._credentials:
                self._credentials = fresh
                self._window.send(_credentials_message(fresh))
            pause = _until_renewal(fresh)


def _ask(source: CredentialsSource) -> Credentials:
    found = source() if callable(source) else source
    if not isinstance(found, Credentials):
        raise CredentialsError(f"credentials are a {type(found).__name__}, want kplkit.Credentials or a callable that returns them")
    if found.expires and found.expires.tzinfo is None:
        raise CredentialsError("the credentials' expires has no time zone: give it one (datetime.now(timezone.utc) has)")
    return found


def _credentials_message(c: Credentials) -> _messages.Fields:
    fields = {"akid": c.access_key_id, "secret_key": c.secret_access_key}
    if c.session_token:
        fields["token"] = c.session_token
    return {"set_credentials": {"credentials": fields}}


def _until_renewal(credentials: Credentials) -> float:
    if not credentials.expires:
        return _FRESH
    left = (credentials.expires - datetime.now(timezone.utc)) / timedelta(seconds=1)
    return min(max(left - _FRESH, _FRESH_AGAIN), _FRESH)


def _arguments(fields: Dict[str, Any], max_buffered: int) -> List[str]:
    arguments = ["-i", "-", "-o", "-", "-c", _messages.encode({"id": 0, "configuration": fields}).hex().upper()]
    if "log_level" in fields:
        arguments += ["-l", fields["log_level"]]
    if max_buffered > _CHILD_HOLDS:
        arguments += ["--max-buffered", str(4 * max_buffered)]
    return arguments


def _check_hash_key(text: str) -> None:
    # The KPL's own process crashes at what is not a number.
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 39 and int(text) < 1 << 128):
        raise ValueError(f"the explicit hash key is {text!r}, want a number from 0 to 2**128 - 1, in decimal digits")


# What the whole process has to know: all producers that are open.
_producers: weakref.WeakSet[Producer] = weakref.WeakSet()


def _close_all() -> None:
    """At the end of the program: what was put and not flushed is not forgotten."""
    for producer in list(_producers):
        if producer.outstanding:
            log.warning("kplkit: a producer was not closed: waiting for its %d records", producer.outstanding)
        producer.close()


def _after_fork() -> None:
    """In the new process: it has no threads of a producer, and must not hold the child's pipes open."""
    _child.spawning.release()
    for producer in list(_producers):
        producer._window = Window(2 << 20, 1)  # the old one's lock may be held by a thread that is not here
        producer._window.refuse(lambda: ProducerClosed("the producer was made before a fork: make one in each process"))
        if producer._child:
            producer._child.abandon()
    _producers.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_child.spawning.acquire, after_in_parent=_child.spawning.release, after_in_child=_after_fork
    )
