"use strict";
// Frames: the length of a message, 4 bytes big-endian, and the message.
const { MalformedError, encode } = require("./protobuf");

/** The longest message that a child reads or writes: 11 MiB, as the KPL's since 1.0.6. */
const LIMIT = 11 << 20;

/** Returns the frame of any message. */
function frame(message) {
  const body = encode("Message", message);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

// varintLength and the two functions below it write what nearly all frames hold, a put, in one allocation.
function varintLength(n) {
  let length = 1;
  for (; n > 0x7f; n = Math.floor(n / 128)) length++;
  return length;
}

function putVarint(buffer, offset, n) {
  for (; n > 0x7f; n = Math.floor(n / 128)) buffer[offset++] = (n % 128) | 0x80;
  buffer[offset++] = n;
  return offset;
}

function putField(buffer, offset, tag, value, length) {
  buffer[offset++] = tag;
  offset = putVarint(buffer, offset, length);
  if (typeof value !== "string") buffer.set(value, offset);
  else buffer.write(value, offset, length, length === value.length ? "latin1" : "utf8"); // the former is faster
  return offset + length;
}

/** Returns the frame of a put. It holds a copy of data, which may be text or bytes; explicitHashKey may be undefined. */
function putFrame(id, stream, partitionKey, explicitHashKey, data) {
  const streamLength = Buffer.byteLength(stream);
  const keyLength = Buffer.byteLength(partitionKey);
  const dataLength = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  const hashKeyLength = explicitHashKey === undefined ? 0 : explicitHashKey.length;
  const field = (length) => 1 + varintLength(length) + length;
  let record = field(streamLength) + field(keyLength) + field(dataLength);
  if (explicitHashKey !== undefined) record += field(hashKeyLength);
  const body = 1 + varintLength(id) + field(record);

  const buffer = Buffer.allocUnsafe(4 + body);
  let at = buffer.writeUInt32BE(body, 0);
  buffer[at++] = (1 << 3) | 0; // id
  at = putVarint(buffer, at, id);
  buffer[at++] = (3 << 3) | 2; // put_record
  at = putVarint(buffer, at, record);
  at = putField(buffer, at, (1 << 3) | 2, stream, streamLength);
  at = putField(buffer, at, (2 << 3) | 2, partitionKey, keyLength);
  if (explicitHashKey !== undefined) at = putField(buffer, at, (3 << 3) | 2, explicitHashKey, hashKeyLength);
  putField(buffer, at, (4 << 3) | 2, data, dataLength);
  return buffer;
}

/** Cuts a stream of bytes into messages. What it keeps is what has arrived of one frame, and never more than LIMIT. */
class FrameReader {
  #chunks = [];
  #have = 0;
  #need = 4; // bytes before there is anything to do
  #onMessage;

  /** onMessage gets the bytes of each message; they are not used again. */
  constructor(onMessage) {
    this.#onMessage = onMessage;
  }

  /** Takes the next bytes. Throws MalformedError for a length of 0 or beyond LIMIT, and what onMessage throws. */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE(0);
      if (length === 0 || length > LIMIT) throw new MalformedError(`a frame of ${length} bytes`);
      if (bytes.length < 4 + length) break;
      this.#onMessage(bytes.subarray(4, 4 + length));
      bytes = bytes.subarray(4 + length);
    }
    this.#need = bytes.length < 4 ? 4 : 4 + bytes.readUInt32BE(0);
    this.#have = bytes.length;
    this.#chunks = bytes.length === 0 ? [] : [bytes];
  }
}

module.exports = { LIMIT, frame, putFrame, FrameReader };
