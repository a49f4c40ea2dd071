"""The pipe protocol's messages, and the frames that hold them.

A frame is the length of a message, 4 bytes big-endian, and the message, a protobuf. The project's
docs/separate-process.md says what the messages mean. Here a message is a dict: its fields by name, those that are
absent left out.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Iterator, List, Mapping, Tuple

CHILD_LIMIT = 11 << 20  # the longest message that a child reads, in bytes
PARENT_LIMIT = 12 << 20  # the longest message that a parent reads, in bytes

Fields = Dict[str, Any]

# The fields of each kind of message: number, name, and what it holds. A star means that it may come many times.
_SCHEMA: Dict[str, Dict[int, Tuple[str, str]]] = {
    "Message": {
        1: ("id", "uint"),
        2: ("source_id", "uint"),
        3: ("put_record", "PutRecord"),
        4: ("flush", "Flush"),
        5: ("put_record_result", "PutRecordResult"),
        6: ("configuration", "Configuration"),
        7: ("metrics_request", "MetricsRequest"),
        8: ("metrics_response", "MetricsResponse"),
        9: ("set_credentials", "SetCredentials"),
        10: ("stream_metadata", "StreamMetadata"),
    },
    "PutRecord": {
        1: ("stream_name", "text"),
        2: ("partition_key", "text"),
        3: ("explicit_hash_key", "text"),
        4: ("data", "bytes"),
    },
    "PutRecordResult": {
        1: ("attempts", "*Attempt"),
        2: ("success", "bool"),
        3: ("shard_id", "text"),
        4: ("sequence_number", "text"),
    },
    "Attempt": {
        1: ("delay", "uint"),
        2: ("duration", "uint"),
        3: ("success", "bool"),
        4: ("error_code", "text"),
        5: ("error_message", "text"),
    },
    "Flush": {1: ("stream_name", "text")},
    "StreamMetadata": {1: ("stream_name", "text"), 2: ("stream_id", "text")},
    "SetCredentials": {1: ("for_metrics", "bool"), 2: ("credentials", "Credentials")},
    "Credentials": {1: ("akid", "text"), 2: ("secret_key", "text"), 3: ("token", "text")},
    "MetricsRequest": {1: ("name", "text"), 2: ("seconds", "uint")},
    "MetricsResponse": {1: ("metrics", "*Metric")},
    "Metric": {
        1: ("name", "text"),
        2: ("dimensions", "*Dimension"),
        3: ("stats", "Stats"),
        4: ("seconds", "uint"),
    },
    "Dimension": {1: ("key", "text"), 2: ("value", "text")},
    "Stats": {
        1: ("count", "double"),
        2: ("sum", "double"),
        3: ("mean", "double"),
        4: ("min", "double"),
        5: ("max", "double"),
    },
    "Configuration": {
        1: ("aggregation_enabled", "bool"),
        2: ("aggregation_max_count", "uint"),
        3: ("aggregation_max_size", "uint"),
        4: ("cloudwatch_endpoint", "text"),
        5: ("cloudwatch_port", "uint"),
        6: ("collection_max_count", "uint"),
        7: ("collection_max_size", "uint"),
        8: ("connect_timeout", "uint"),
        9: ("enable_core_dumps", "bool"),
        10: ("fail_if_throttled", "bool"),
        11: ("kinesis_endpoint", "text"),
        12: ("kinesis_port", "uint"),
        13: ("log_level", "text"),
        14: ("max_connections", "uint"),
        15: ("metrics_granularity", "text"),
        16: ("metrics_level", "text"),
        17: ("metrics_namespace", "text"),
        18: ("metrics_upload_delay", "uint"),
        19: ("min_connections", "uint"),
        20: ("rate_limit", "uint"),
        21: ("record_max_buffered_time", "uint"),
        22: ("record_ttl", "uint"),
        23: ("region", "text"),
        24: ("request_timeout", "uint"),
        25: ("verify_certificate", "bool"),
        26: ("proxy_host", "text"),
        27: ("proxy_port", "uint"),
        28: ("proxy_user_name", "text"),
        29: ("proxy_password", "text"),
        30: ("thread_config", "uint"),
        31: ("thread_pool_size", "uint"),
        128: ("additional_metric_dims", "*AdditionalDimension"),
    },
    "AdditionalDimension": {1: ("key", "text"), 2: ("value", "text"), 3: ("granularity", "text")},
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE_TYPES = {"uint": _VARINT, "bool": _VARINT, "double": _FIXED64}  # all others: _BYTES
_DOUBLE = struct.Struct("<d")
_LENGTH = struct.Struct(">I")


_ONE_BYTE = [bytes((n,)) for n in range(0x80)]


class ProtocolError(Exception):
    """What was read is not what the protocol says. Nothing after it can be trusted."""


def varint(n: int) -> bytes:
    """Returns a number from 0 on in protobuf's form: 7 bits a byte, the lowest first."""
    if n < 0x80:
        return _ONE_BYTE[n]
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def encode(message: Mapping[str, Any], kind: str = "Message") -> bytes:
    """Returns a message as bytes. The fields come in the order of their numbers."""
    out: List[bytes] = []
    for number, (name, holds) in _SCHEMA[kind].items():
        if name not in message:
            continue
        many = holds.startswith("*")
        tag = varint(number << 3 | _WIRE_TYPES.get(holds, _BYTES))
        for value in message[name] if many else (message[name],):
            out += tag, _encode_value(value, holds.lstrip("*"))
    return b"".join(out)


def _encode_value(value: Any, holds: str) -> bytes:
    if holds in ("uint", "bool"):
        return varint(int(value))
    if holds == "double":
        return _DOUBLE.pack(value)
    if holds == "text":
        data: bytes = value.encode("utf-8", "surrogateescape")  # as decode read it, also what is not UTF-8
    elif holds == "bytes":
        data = value
    else:
        data = encode(value, holds)
    return varint(len(data)) + data


# The same by tag, for reading: the field's name, what it holds, and whether it may come many times.
_BY_TAG = {
    kind: {
        number << 3 | _WIRE_TYPES.get(holds, _BYTES): (name, holds.lstrip("*"), holds.startswith("*"))
        for number, (name, holds) in fields.items()
    }
    for kind, fields in _SCHEMA.items()
}


def decode(data: bytes, kind: str = "Message") -> Fields:
    """Returns the fields of a message. Unknown ones are left out; a field that comes twice has its last value."""
    try:
        return _decode(data, _BY_TAG[kind])
    except IndexError:
        raise ProtocolError("the message ends in the middle of a number") from None


def _decode(data: bytes, fields: Dict[int, Tuple[str, str, bool]]) -> Fields:
    """Each result comes through here, several times. So what is usual, numbers of one byte, is read in place."""
    message: Fields = {}
    pos, end = 0, len(data)
    while pos < end:
        tag = data[pos]
        pos += 1
        if tag >= 0x80:
            tag, pos = _read_varint(data, pos - 1)
        wire_type = tag & 7
        value: Any
        if wire_type > _BYTES or wire_type == _FIXED64:
            value, pos = _read_fixed(data, pos, wire_type)
        else:  # a number, or a length
            value = data[pos]
            pos += 1
            if value >= 0x80:
                value, pos = _read_varint(data, pos - 1)
            if wire_type == _BYTES:
                start, pos = pos, pos + value
                if pos > end:
                    raise ProtocolError("the message ends in the middle of a field")
                value = data[start:pos]
        field = fields.get(tag)
        if field is None:  # unknown, or of a wire type that is not the schema's
            continue
        name, holds, many = field
        if holds == "text":
            value = value.decode("utf-8", "surrogateescape")
        elif holds == "bool":
            value = value != 0
        elif holds == "double":
            (value,) = _DOUBLE.unpack(value)
        elif holds in _BY_TAG:
            value = _decode(value, _BY_TAG[holds])
        if many:
            message.setdefault(name, []).append(value)
        else:
            message[name] = value
    return message


def _read_varint(data: bytes, pos: int) -> Tuple[int, int]:
    """Returns the number at pos, and where it ends. It may raise an IndexError."""
    n = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            return n & 0xFFFF_FFFF_FFFF_FFFF, pos
        shift += 7
        if shift > 63:
            raise ProtocolError("a number is longer than 10 bytes")


def _read_fixed(data: bytes, pos: int, wire_type: int) -> Tuple[bytes, int]:
    """Returns the 8 or 4 bytes at pos, and where they end."""
    if wire_type not in (_FIXED64, _FIXED32):
        raise ProtocolError(f"the wire type {wire_type} is not in use")
    end = pos + (8 if wire_type == _FIXED64 else 4)
    if end > len(data):
        raise ProtocolError("the message ends in the middle of a field")
    return data[pos:end], end


def frame(message: bytes) -> bytes:
    """Returns the frame of a message."""
    return _LENGTH.pack(len(message)) + message


def put_record(stream: bytes, key: bytes, data: bytes, hash_key: bytes) -> bytes:
    """Returns a put_record as the field that it is in its message, without the message's id: see put_frame."""
    middle = b"\x1a" + varint(len(hash_key)) + hash_key if hash_key else b""
    inner = b"".join(
        (b"\n", varint(len(stream)), stream, b"\x12", varint(len(key)), key, middle, b'"', varint(len(data)), data)
    )
    return b"\x1a" + varint(len(inner)) + inner


def put_frame(id: int, record: bytes) -> bytes:
    """Returns the frame of a put, of what put_record made."""
    head = b"\x08" + varint(id)
    return _LENGTH.pack(len(head) + len(record)) + head + record


def split(buffer: bytearray) -> Iterator[bytes]:
    """Takes the messages of all whole frames off the front of buffer."""
    pos = 0
    try:
        while len(buffer) - pos >= 4:
            (size,) = _LENGTH.unpack_from(buffer, pos)
            if size > PARENT_LIMIT:
                raise ProtocolError(f"a message of {size} bytes is announced, the limit is {PARENT_LIMIT}")
            if len(buffer) - pos - 4 < size:
                return
            yield bytes(buffer[pos + 4 : pos + 4 + size])
            pos += 4 + size
    finally:
        del buffer[:pos]
