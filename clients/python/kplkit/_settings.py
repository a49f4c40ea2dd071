"""The KPL's settings by their names in Configuration, with the limits that the KPL's native binary has."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, NamedTuple, Tuple, Union
from urllib.parse import urlsplit

from ._errors import SettingError

_ANY_NUMBER = 2**63 - 1  # Java's numbers are signed


class Number(NamedTuple):
    """A whole number from low to high."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"a number from {self.low} to {self.high}"


class Text(NamedTuple):
    """A text. All of it has to match the pattern, unless that is empty."""

    pattern: str = ""

    def __str__(self) -> str:
        return f"a text that matches {self.pattern}" if self.pattern else "a text"


class Bool(NamedTuple):
    def __str__(self) -> str:
        return "True or False"


class Threads(NamedTuple):
    names: Tuple[str, ...] = ("PER_REQUEST", "POOLED")

    def __str__(self) -> str:
        return " or ".join(self.names)


class Dimensions(NamedTuple):
    def __str__(self) -> str:
        return "a list of (key, value, granularity), granularity being global, stream or shard"


Limit = Union[Number, Text, Bool, Threads, Dimensions]

_HOST = r"^([A-Za-z0-9-\.]+)?$"
_GRANULARITY = "global|stream|shard"

LIMITS: Dict[str, Limit] = {
    "aggregation_enabled": Bool(),
    "aggregation_max_count": Number(1, _ANY_NUMBER),
    "aggregation_max_size": Number(64, 10 << 20),
    "cloudwatch_endpoint": Text(_HOST),
    "cloudwatch_port": Number(1, 65535),
    "collection_max_count": Number(1, 500),
    "collection_max_size": Number(52224, _ANY_NUMBER),
    "connect_timeout": Number(100, 300_000),
    "enable_core_dumps": Bool(),
    "fail_if_throttled": Bool(),
    "kinesis_endpoint": Text(_HOST),
    "kinesis_port": Number(1, 65535),
    "log_level": Text("trace|debug|info|warning|error"),
    "max_connections": Number(1, 256),
    "metrics_granularity": Text(_GRANULARITY),
    "metrics_level": Text("none|summary|detailed"),
    "metrics_namespace": Text("(?!AWS/).{1,255}"),
    "metrics_upload_delay": Number(1, 60_000),
    "min_connections": Number(1, 16),
    "rate_limit": Number(1, _ANY_NUMBER),
    "record_max_buffered_time": Number(0, _ANY_NUMBER),
    "record_ttl": Number(100, _ANY_NUMBER),
    "region": Text("^([a-z]+-([a-z]+-)?[a-z]+-[0-9])?$"),
    "request_timeout": Number(100, 600_000),
    "verify_certificate": Bool(),
    "proxy_host": Text(),
    "proxy_port": Number(1, 65535),
    "proxy_user_name": Text(),
    "proxy_password": Text(),
    "thread_config": Threads(),
    "thread_pool_size": Number(0, 2**32 - 1),
    "additional_metric_dims": Dimensions(),
}


def configuration(settings: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the fields of a Configuration. A SettingError names the setting that is unknown or out of its limits."""
    return {name: _field(name, value) for name, value in settings.items()}


def _field(name: str, value: Any) -> Any:
    if name not in LIMITS:
        raise SettingError(name, value, "one of the KPL's settings: " + ", ".join(LIMITS))
    limit = LIMITS[name]
    if isinstance(limit, Dimensions):
        return _dimensions(name, value, limit)
    if isinstance(limit, Threads):
        if value not in limit.names:
            raise SettingError(name, value, str(limit))
        return limit.names.index(value)
    if not _within(name, value, limit):
        secret = "PASSWORD" if name == "proxy_password" else value
        raise SettingError(name, secret, str(limit))
    return value


def _within(name: str, value: Any, limit: Limit) -> bool:
    if isinstance(limit, Number):
        return isinstance(value, int) and not isinstance(value, bool) and limit.low <= value <= limit.high
    if isinstance(limit, Text):
        if not isinstance(value, str):
            return False
        return not limit.pattern or _matches(limit.pattern, value) or name == "kinesis_endpoint" and _is_url(value)
    return isinstance(value, bool)


def _matches(pattern: str, value: str) -> bool:
    # \Z, since Python's $ passes over a line end as well.
    return re.match(f"(?:{pattern})\\Z", value, re.ASCII) is not None and "\n" not in value


def _is_url(value: str) -> bool:
    """Our extension: the KPL takes a host name alone, and always speaks TLS."""
    try:
        url = urlsplit(value)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.netloc)


def is_local(endpoint: Any) -> bool:
    """Whether a URL, or a host name, leads to this machine."""
    try:
        host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
    except (TypeError, ValueError):
        return False
    return host in ("localhost", "::1") or re.match(r"127\.[0-9.]+\Z", host) is not None


def _dimensions(name: str, value: Any, limit: Dimensions) -> Any:
    fields = []
    for item in value:
        if len(item) != 3 or not all(isinstance(part, str) for part in item) or not _matches(_GRANULARITY, item[2]):
            raise SettingError(name, item, str(limit))
        fields.append(dict(zip(("key", "value", "granularity"), item)))
    return fields
