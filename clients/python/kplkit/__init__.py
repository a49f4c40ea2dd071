"""Puts records into Amazon Kinesis in the KPL's format, by a child process that may crash: see Producer.

from kplkit import Producer

with Producer(region="eu-west-1") as producer:
    future = producer.put("orders", "customer-17", b"a record")
    print(future.result().sequence_number)
"""

from ._credentials import Credentials, CredentialsSource, find_credentials
from ._errors import (
    Attempt,
    BufferFull,
    ChildFailed,
    CredentialsError,
    FlushTimeout,
    KplkitError,
    ProducerClosed,
    PutExpired,
    PutFailed,
    Result,
    SettingError,
    SettingRefused,
)
from ._producer import Producer, Stats

__all__ = [
    "Attempt",
    "BufferFull",
    "ChildFailed",
    "Credentials",
    "CredentialsError",
    "CredentialsSource",
    "FlushTimeout",
    "KplkitError",
    "Producer",
    "ProducerClosed",
    "PutExpired",
    "PutFailed",
    "Result",
    "SettingError",
    "SettingRefused",
    "Stats",
    "find_credentials",
]
