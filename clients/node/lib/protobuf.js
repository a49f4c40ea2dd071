"use strict";
// The messages of the KPL's pipe protocol in protobuf's wire format. No more of protobuf than they need.

/** Bytes that are not a message of the protocol. */
class MalformedError extends Error {}

// A field: its number, its kind, and a flag. Kinds are uint, bool, text, bytes, double, or the name of a message.
const required = "required";
const repeated = "repeated";
const schema = {
  Message: {
    id: [1, "uint", required],
    sourceId: [2, "uint"],
    putRecord: [3, "PutRecord"],
    flush: [4, "Flush"],
    putRecordResult: [5, "PutRecordResult"],
    configuration: [6, "Configuration"],
    metricsRequest: [7, "MetricsRequest"],
    metricsResponse: [8, "MetricsResponse"],
    setCredentials: [9, "SetCredentials"],
    streamMetadata: [10, "StreamMetadata"],
  },
  PutRecord: {
    streamName: [1, "text", required],
    partitionKey: [2, "text", required],
    explicitHashKey: [3, "text"],
    data: [4, "bytes", required],
  },
  PutRecordResult: {
    attempts: [1, "Attempt", repeated],
    success: [2, "bool", required],
    shardId: [3, "text"],
    sequenceNumber: [4, "text"],
  },
  Attempt: {
    delay: [1, "uint", required],
    duration: [2, "uint", required],
    success: [3, "bool", required],
    errorCode: [4, "text"],
    errorMessage: [5, "text"],
  },
  Flush: { streamName: [1, "text"] },
  StreamMetadata: { streamName: [1, "text", required], streamId: [2, "text"] },
  SetCredentials: { forMetrics: [1, "bool"], credentials: [2, "Credentials", required] },
  Credentials: { akid: [1, "text", required], secretKey: [2, "text", required], token: [3, "text"] },
  MetricsRequest: { name: [1, "text"], seconds: [2, "uint"] },
  MetricsResponse: { metrics: [1, "Metric", repeated] },
  Metric: {
    name: [1, "text", required],
    dimensions: [2, "Dimension", repeated],
    stats: [3, "Stats", required],
    seconds: [4, "uint", required],
  },
  Dimension: { key: [1, "text", required], value: [2, "text", required] },
  Stats: {
    count: [1, "double", required],
    sum: [2, "double", required],
    mean: [3, "double", required],
    min: [4, "double", required],
    max: [5, "double", required],
  },
  AdditionalDimension: {
    key: [1, "text", required],
    value: [2, "text", required],
    granularity: [3, "text", required],
  },
  // The names are the Java wrapper's, as in settings.js, which has the limits.
  Configuration: {
    aggregationEnabled: [1, "bool"],
    aggregationMaxCount: [2, "uint"],
    aggregationMaxSize: [3, "uint"],
    cloudwatchEndpoint: [4, "text"],
    cloudwatchPort: [5, "uint"],
    collectionMaxCount: [6, "uint"],
    collectionMaxSize: [7, "uint"],
    connectTimeout: [8, "uint"],
    enableCoreDumps: [9, "bool"],
    failIfThrottled: [10, "bool"],
    kinesisEndpoint: [11, "text"],
    kinesisPort: [12, "uint"],
    logLevel: [13, "text"],
    maxConnections: [14, "uint"],
    metricsGranularity: [15, "text"],
    metricsLevel: [16, "text"],
    metricsNamespace: [17, "text"],
    metricsUploadDelay: [18, "uint"],
    minConnections: [19, "uint"],
    rateLimit: [20, "uint"],
    recordMaxBufferedTime: [21, "uint"],
    recordTtl: [22, "uint"],
    region: [23, "text"],
    requestTimeout: [24, "uint"],
    verifyCertificate: [25, "bool"],
    proxyHost: [26, "text"],
    proxyPort: [27, "uint"],
    proxyUserName: [28, "text"],
    proxyPassword: [29, "text"],
    threadingModel: [30, "uint"],
    threadPoolSize: [31, "uint"],
    additionalMetricDims: [128, "AdditionalDimension", repeated],
  },
};

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const wireTypes = { uint: VARINT, bool: VARINT, double: FIXED64 };

// types has the fields of each message by number, for decode.
const types = new Map();
for (const [type, fields] of Object.entries(schema)) {
  const byNumber = new Map();
  for (const [name, [number, kind, flag]] of Object.entries(fields)) {
    byNumber.set(number, { name, number, kind, flag, wire: wireTypes[kind] ?? LENGTH });
  }
  types.set(type, byNumber);
}

/** Encodes a message of the type with the fields that the object has; undefined ones are left out. */
function encode(type, message) {
  const parts = [];
  for (const field of types.get(type).values()) {
    const value = message[field.name];
    if (value === undefined) continue;
    for (const one of field.flag === repeated ? value : [value]) {
      parts.push(varint(field.number * 8 + field.wire), encodeValue(field, one));
    }
  }
  return Buffer.concat(parts);
}

function encodeValue({ kind }, value) {
  switch (kind) {
    case "uint":
      return varint(value);
    case "bool":
      return varint(value ? 1 : 0);
    case "double": {
      const b = Buffer.alloc(8);
      b.writeDoubleLE(value);
      return b;
    }
  }
  const bytes = kind === "text" ? Buffer.from(value) : kind === "bytes" ? value : encode(kind, value);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Encodes a whole number as a varint: a safe integer or a BigInt below 2^64. */
function varint(n) {
  const bytes = [];
  for (n = BigInt(n); n > 0x7fn; n >>= 7n) bytes.push(Number(n & 0x7fn) | 0x80);
  bytes.push(Number(n));
  return Buffer.from(bytes);
}

/** Decodes a message. Unknown fields are skipped, as the KPL does. Throws MalformedError. */
function decode(type, bytes) {
  const fields = types.get(type);
  const message = {};
  const at = { bytes, offset: 0 };
  while (at.offset < bytes.length) {
    const tag = readVarint(at);
    if (tag < 8 || tag > 0xffffffff) throw new MalformedError(`tag ${tag} in a ${type}`);
    const field = fields.get(Math.floor(tag / 8));
    const raw = readRaw(at, tag % 8);
    if (field === undefined || field.wire !== tag % 8) continue;
    const value = decodeValue(field, raw);
    if (field.flag === repeated) (message[field.name] ??= []).push(value);
    else message[field.name] = value;
  }
  for (const { name, flag } of fields.values()) {
    if (flag === required && message[name] === undefined) throw new MalformedError(`a ${type} without ${name}`);
  }
  return message;
}

function decodeValue({ kind }, raw) {
  switch (kind) {
    case "uint":
      return raw;
    case "bool":
      return raw !== 0;
    case "double":
      return raw.readDoubleLE(0);
    case "text":
      return raw.toString("utf8");
    case "bytes":
      return raw;
  }
  return decode(kind, raw);
}

function readRaw(at, wire) {
  switch (wire) {
    case VARINT:
      return readVarint(at);
    case FIXED64:
      return take(at, 8);
    case FIXED32:
      return take(at, 4);
    case LENGTH:
      return take(at, readVarint(at));
  }
  throw new MalformedError(`wire type ${wire}`);
}

function take(at, n) {
  const end = at.offset + Number(n);
  if (end > at.bytes.length) throw new MalformedError("ends in the middle of a field");
  const part = at.bytes.subarray(at.offset, end);
  at.offset = end;
  return part;
}

/** Returns a number, or a BigInt where a number would not be exact. */
function readVarint(at) {
  const { bytes } = at;
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 7; i++) {
    const b = bytes[at.offset++];
    if (b === undefined) throw new MalformedError("ends in the middle of a number");
    value += (b & 0x7f) * factor;
    if (b < 0x80) return value;
    factor *= 128;
  }
  return readLongVarint(at, BigInt(value));
}

function readLongVarint(at, value) {
  for (let shift = 49n; shift <= 63n; shift += 7n) {
    const b = at.bytes[at.offset++];
    if (b === undefined) throw new MalformedError("ends in the middle of a number");
    value |= BigInt(b & 0x7f) << shift;
    if (b < 0x80) {
      value = BigInt.asUintN(64, value);
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
    }
  }
  throw new MalformedError("a number of more than ten bytes");
}

module.exports = { MalformedError, schema, encode, decode };
