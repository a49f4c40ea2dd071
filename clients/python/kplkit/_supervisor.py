"""The thread that keeps a child running, and the one that asks for fresh credentials."""

from __future__ import annotations

import errno
import logging
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Callable, List, Optional, Sequence, Tuple

from . import _messages
from ._child import Child, OwnThread
from ._credentials import Credentials
from ._errors import ChildFailed, ProducerClosed, SettingRefused
from ._window import Window

log = logging.getLogger("kplkit")

# Seconds.
_START = 30.0  # the first child gets this long until its first word
_PING = 10.0  # between metrics requests, which ask for a sign of life
_HANG = 30.0  # without any frame while a metrics request is open: the child hangs
_GRACE = 10.0  # the child gets this long to end when its input ends: it sends for 4 s at most
_REAP = 1.0  # the same for one that closed its pipes, which is usually dead
_SOON = 0.01  # before a child is started again that had worked
_BACKOFF, _BACKOFF_LIMIT = 0.05, 5.0  # before one that had not: doubled each time
_WORKED = 10.0  # a child that ran this long has worked, also when there was nothing to put
_FRESH = 300.0  # credentials are asked for anew this long before they expire, and at least this often
_FRESH_AGAIN = 10.0  # and when that failed


_LATE = 0.25  # a timer that is later than this means that the program stood still: what lies in the pipe is read first
_JOIN = 5.0  # seconds that a thread gets to end, which it does at once unless a pipe is held open
_THREADS = "supervisor", "reader", "writer", "stderr"
_TRIES = 10  # children in a row that did not work: a crash loop, after about 16 s


_ADVICE = {  # for a command that can't be started
    errno.ENOENT: ": install it, or give its path in command=",
    errno.EACCES: ": is it a program, and may this user run it (chmod +x)?",
    errno.ENOEXEC: ": take the kplkit that is built for this system and processor",
}

_SIGN_OF_LIFE = {"metrics_request": {"name": "UserRecordsPut", "seconds": 1}}


class Supervisor:
    """Starts the child, and starts it again when it is of no use any more."""

    def __init__(
        self,
        command: Sequence[str],
        window: Window,
        ttl: float,
        credentials: Optional[Credentials],
        renew: Optional[Callable[[], Credentials]],
    ) -> None:
        self._command, self._window, self._ttl = command, window, ttl
        self._credentials = credentials  # None: the child looks for them itself
        self._ask = renew
        self.child: Optional[Child] = None
        self.restarts = 0
        self._wake = threading.Event()
        self._ready = threading.Event()  # the first child has spoken, or there will be none
        self._taken = False  # a child has taken the settings, which are the same for all
        self._failure: Optional[Callable[[], ChildFailed]] = None
        self._stopping = threading.Event()
        self._patience = 0.0  # until then nothing is judged by its time
        self._threads: List[OwnThread] = []  # the supervisor's, then the child's

    def start(self) -> None:
        """Returns when the first child has spoken, or raises why it did not."""
        self._threads = [OwnThread(self._window, f"kplkit-{name}") for name in _THREADS]
        self._threads[0].begin(self._supervise)
        if self._credentials and self._ask:
            arguments = self._credentials, self._ask
            threading.Thread(target=self._renew, args=arguments, name="kplkit-credentials", daemon=True).start()
        if not self._ready.wait(_START):
            words = self.child.last_words if self.child else ()
            what = f"{self._command[0]} said nothing within {_START} s after its start"
            self._fail(lambda: ChildFailed(what, None, tuple(words)))
        if self._failure:
            raise self._failure()

    def stop(self) -> None:
        """Ends the child, which may send what it holds."""
        self._stopping.set()
        self._wake.set()
        for i, thread in enumerate(self._threads):  # the supervisor first: it may still replace others
            thread.quit()
            thread.join(_JOIN if i else None)
        # After a close that was interrupted; otherwise nothing is outstanding.
        why = "the producer was closed before there was a result: the record may be stored all the same"
        self._window.fail(lambda: ProducerClosed(why))

    def _supervise(self) -> None:
        try:
            self._keep_running()
        except BaseException as error:  # a fault of this package: what is outstanding has to know
            log.exception("kplkit: the supervisor failed")
            what = f"a fault of the kplkit package, please report it: {error!r}"
            self._fail(lambda: ChildFailed(what))
            if self.child:
                self.child.end(0)

    def _keep_running(self) -> None:
        unwell = 0  # children in a row that did not work
        while not self._stopping.is_set():
            why, worked = self._run_one()
            if not why:
                return
            unwell = 0 if worked else unwell + 1
            if unwell >= _TRIES:
                last = why()
                hint = "" if self._taken else "; none of them said a word: is command= the right program?"
                what = f"a crash loop, {unwell} children in a row did no work; the last one: {last.what}{hint}"
                return self._fail(lambda: ChildFailed(what, last.exit_status, last.last_words))
            pause = min(_BACKOFF * 2 ** (unwell - 1), _BACKOFF_LIMIT) if unwell else _SOON
            log.warning(
                "kplkit: %s: starting again in %.2f s, %d puts are outstanding",
                why().what,
                pause,
                self._window.outstanding,
            )
            self.restarts += 1
            self._pause(pause)

    def _run_one(self) -> Tuple[Optional[Callable[[], ChildFailed]], bool]:
        """Runs one child to its end. Returns why it ended, None if nobody wants another, and whether it had worked."""
        try:
            child = Child(self._command, self._window, self._threads[1:], self._greeting, self._wake.set)
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "")
            what = f"{self._command[0]} can't be started: {error.strerror}{advice}"
            if not self._ready.is_set():
                self._fail(lambda: ChildFailed(what))
                return None, False
            return (lambda: ChildFailed(what)), False
        self.child = child
        why = self._watch(child)
        self.child = None
        status = child.end(_GRACE if not why else _REAP if child.ended else 0)
        self._replace_stuck_threads()
        if self._stopping.is_set():
            return None, False
        worked = bool(child.results) or child.spoke and time.monotonic() - child.started > _WORKED
        what, words = f"the child {child.pid} ended: {why}, exit status {status}", tuple(child.last_words)
        self._taken = self._taken or child.spoke
        if status == 1 and child.ended and not self._taken:
            self._fail(lambda: SettingRefused(f"{what}, a bad setting", status, words))
            return None, False
        return (lambda: ChildFailed(what, status, words)), worked

    def _replace_stuck_threads(self) -> None:
        """Gives up a thread that waits for a pipe of the last child: a process that the child started may hold it open."""
        for i, thread in enumerate(self._threads):
            if i and not thread.wait(0):
                thread.quit()
                self._threads[i] = OwnThread(self._window, thread.name)

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
            if asked and child.reading and now > self._patience and now - max(asked, child.heard) > _HANG:
                return f"it hangs: no frame for {_HANG} s"
            if not asked and now - child.heard >= _PING:
                asked = now
                self._window.send(_SIGN_OF_LIFE)
            ping = max(asked, child.heard) + _HANG if asked else child.heard + _PING
            self._sleep(ping)
        return child.why

    def _sleep(self, until: float) -> None:
        """Sleeps until something has to be done. Fails the puts whose time is up, a bit later where the program stood still."""
        starts = f"the child was started {self.restarts + 1} times so far"
        if not self._credentials:
            starts += "; no keys were found here, and the child looked for credentials itself, maybe in vain"
        if time.monotonic() >= self._patience:
            self._window.expire(f"no result within {self._ttl} s ({starts}); the record may be stored all the same")
        # Not less than 10 ms: while a hang is judged with its reader busy, there is nothing to do until it is not.
        now = time.monotonic()
        until = max(min(until, self._window.next_expiry()), self._patience, now + 0.01)
        self._wake.wait(until - now)
        self._wake.clear()
        if time.monotonic() - until > _LATE:
            self._patience = time.monotonic() + _LATE

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

    def _greeting(self) -> List[_messages.Fields]:
        c = self._credentials
        return [_credentials_message(c), _SIGN_OF_LIFE] if c else [_SIGN_OF_LIFE]

    def _renew(self, current: Credentials, ask: Callable[[], Credentials]) -> None:
        """Asks for fresh credentials before they expire, and every five minutes at least. The old ones hold meanwhile."""
        pause = _until_renewal(current)
        while not self._stopping.wait(pause):
            try:
                fresh = ask()
            except Exception as error:
                log.error("kplkit: no fresh credentials, the old ones are used: %s", error)
                pause = _FRESH_AGAIN
                continue
            if fresh != self._credentials:
                self._credentials = fresh
                self._window.send(_credentials_message(fresh))
            pause = _until_renewal(fresh)


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
