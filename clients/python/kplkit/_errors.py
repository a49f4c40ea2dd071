"""What becomes of a put, and what can go wrong."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence, Tuple


class Attempt(NamedTuple):
    """One request that held the record."""

    delay: int  # milliseconds between the attempt before it, or the put, and its start
    duration: int  # milliseconds that it took
    success: bool
    error_code: str  # "" with success
    error_message: str


class Result(NamedTuple):
    """Where a record was stored."""

    shard_id: str
    sequence_number: str  # of the stored record: all user records of one aggregate have the same
    attempts: Tuple[Attempt, ...]  # the last one last


class KplkitError(Exception):
    """The base of this package's exceptions."""


class SettingError(KplkitError, ValueError):
    """A setting is unknown or out of its limits."""

    def __init__(self, name: str, value: object, want: str) -> None:
        super().__init__(name, value, want)
        self.name, self.value, self.want = name, value, want

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r}, want {self.want}"


class CredentialsError(KplkitError):
    """No credentials were found, or what was found can't be used."""


# What helps, by error code. Other codes speak for themselves.
_ADVICE = {
    "Expired": "Kinesis was out of reach, or the shards take less than is put: put less, add shards, or raise record_ttl",
    "ResourceNotFoundException": "check the stream's name, and the region",
    "AccessDeniedException": "allow kinesis:PutRecords for this stream",
    "ExpiredTokenException": "give credentials that are renewed: a callable",
    "UnrecognizedClientException": "check the credentials",
    "InvalidSignatureException": "check the secret access key, and this machine's clock",
    "ProvisionedThroughputExceededException": "put less, add shards, or set fail_if_throttled=False",
}


class PutFailed(KplkitError):
    """A record was not stored, as far as is known."""

    def __init__(self, code: str, message: str, attempts: Sequence[Attempt]) -> None:
        super().__init__(code, message, attempts)
        self.code = code  # Kinesis' or the KPL's error code, of the last attempt
        self.message = message
        self.attempts = tuple(attempts)  # the last one last

    def __str__(self) -> str:
        advice = f". What helps: {_ADVICE[self.code]}" if self.code in _ADVICE else ""
        return f"{self.code}: {self.message} ({len(self.attempts)} attempts){advice}"


class PutExpired(PutFailed):
    """A record had no result within record_ttl. It may be stored all the same."""


class BufferFull(KplkitError):
    """put was called in a callback of a future while max_buffered was reached. To wait there would be to wait for ever."""


class ProducerClosed(KplkitError):
    """The producer is closed, or was made in another process, before a fork."""


class ChildFailed(KplkitError):
    """The child can't be started, or ends again and again. What was outstanding failed with this, and so does each put."""

    def __init__(self, what: str, exit_status: Optional[int] = None, last_words: Sequence[str] = ()) -> None:
        super().__init__(what, exit_status, last_words)
        self.what = what
        self.exit_status = exit_status  # as subprocess has it: -9 after kill -9; None where it never ran
        self.last_words = tuple(last_words)  # the last lines of its stderr

    def __str__(self) -> str:
        text = self.what
        if self.last_words:
            text += "\nits last words:\n" + "\n".join("    " + line for line in self.last_words)
        return text


class SettingRefused(ChildFailed):
    """The first child ended with exit code 1: one of its settings is bad. Its last words say which."""


class FlushTimeout(KplkitError, TimeoutError):
    """A flush was not done in time. The records are not lost: they are still outstanding."""

    def __init__(self, outstanding: int, timeout: float) -> None:
        super().__init__(outstanding, timeout)
        self.outstanding = outstanding  # puts before the flush that have no result yet

    def __str__(self) -> str:
        return f"after {self.args[1]} s {self.outstanding} records have no result yet: call flush again to wait longer"


def outcome(fields: Any) -> Tuple[Optional[Result], Optional[PutFailed]]:
    """Returns what a put_record_result says, one of the two."""
    attempts = tuple(
        Attempt(
            a.get("delay", 0),
            a.get("duration", 0),
            a.get("success", False),
            a.get("error_code", ""),
            a.get("error_message", ""),
        )
        for a in fields.get("attempts", ())
    )
    if fields.get("success"):
        return Result(fields.get("shard_id", ""), fields.get("sequence_number", ""), attempts), None
    code = attempts[-1].error_code if attempts else "Unknown"
    message = attempts[-1].error_message if attempts else "the child gave no reason"
    kind = PutExpired if code == "Expired" else PutFailed
    return None, kind(code, message, attempts)
