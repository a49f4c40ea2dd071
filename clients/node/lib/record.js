"use strict";
const { inspect, types } = require("node:util");
const { ProducerError } = require("./errors");

const LARGEST = 10 << 20; // data and partition key: the most that a stream can be set to take
const hashKeys = 1n << 128n;

const bad = (message) => new ProducerError("BAD_RECORD", message);

/** Throws a ProducerError if Kinesis would never take the record. Returns the explicit hash key as text or undefined. */
function checkRecord(stream, partitionKey, data, explicitHashKey) {
  if (typeof stream !== "string" || stream === "") throw bad("stream is not the name of a stream");
  if (typeof partitionKey !== "string" || partitionKey === "") throw bad("partitionKey is empty or not a text: want 1 to 256 characters");
  // Kinesis counts characters, a string's length is at least that.
  if (partitionKey.length > 256 && [...partitionKey].length > 256) {
    throw bad(`partitionKey has ${[...partitionKey].length} characters: want 1 to 256`);
  }
  if (typeof data !== "string" && !types.isUint8Array(data)) throw bad("data is neither a text nor a Buffer or Uint8Array");
  const size = Buffer.byteLength(data) + Buffer.byteLength(partitionKey);
  if (size > LARGEST) throw bad(`data and partitionKey have ${size} bytes: want ${LARGEST} at most`);
  return explicitHashKey === undefined || explicitHashKey === null ? undefined : hashKey(explicitHashKey);
}

function hashKey(value) {
  const text = typeof value === "bigint" ? value.toString() : value;
  if (typeof text === "string" && /^[0-9]{1,39}$/.test(text) && BigInt(text) < hashKeys) return BigInt(text).toString(); // Kinesis takes no leading zeros
  throw bad(`explicitHashKey is ${inspect(text)}: want a text of decimal digits, or a BigInt, below 2^128`);
}

module.exports = { checkRecord };
