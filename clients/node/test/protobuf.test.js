"use strict";
// What the real KPL wrote is decoded, and encoded again bit for bit.
const { test } = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { MalformedError, decode, encode } = require("../lib/protobuf");
const { FrameReader, frame, putFrame, LIMIT } = require("../lib/frames");

const session = path.join(__dirname, "../../../internal/kplpipe/testdata/session");
const kinds = (m) => Object.keys(m).filter((key) => key !== "id" && key !== "sourceId");

for (const version of ["1.0.7", "0.14.13"]) {
  test(`the session of KPL ${version}, bit for bit`, () => {
    const seen = {};
    const count = (m) => kinds(m).forEach((kind) => (seen[kind] = (seen[kind] ?? 0) + 1));
    for (const file of ["to-child", "from-child"]) {
      const bytes = fs.readFileSync(path.join(session, version, file));
      const written = [];
      const reader = new FrameReader((body) => {
        const message = decode("Message", body);
        count(message);
        written.push(frame(message));
        if (!message.putRecord) return;
        const p = message.putRecord;
        assert.deepEqual(putFrame(message.id, p.streamName, p.partitionKey, p.explicitHashKey, p.data), written.at(-1));
      });
      reader.push(bytes);
      assert.deepEqual(Buffer.concat(written), bytes);
    }
    const words = fs.readFileSync(path.join(session, version, "arguments"), "utf8").split("\n");
    for (const option of ["-c", "-k", "-w"]) {
      const text = words[words.indexOf(option) + 1];
      const message = decode("Message", Buffer.from(text, "hex"));
      count(message);
      assert.equal(encode("Message", message).toString("hex").toUpperCase(), text);
    }
    const want = {
      putRecord: 9, putRecordResult: 9, flush: 2, metricsRequest: 2, metricsResponse: 2, setCredentials: 4, configuration: 1,
      ...(version === "1.0.7" && { streamMetadata: 1 }),
    };
    assert.deepEqual(seen, want);
  });
}

test("the worked example of docs/separate-process.md", () => {
  const want = "0000001a08011a160a066f726465727312056b65792d3122056669727374";
  assert.equal(putFrame(1, "orders", "key-1", undefined, "first").toString("hex"), want);
});

test("a put's frame is what the general encoder writes, whatever its sizes", () => {
  for (const size of [0, 1, 127, 128, 16383, 16384, 300000]) {
    for (const id of [1, 127, 128, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
      const record = { streamName: "s", partitionKey: "ключ-é-\u{1f600}".repeat(9), explicitHashKey: "170141183460469231731687303715884105728", data: Buffer.alloc(size, 7) };
      const got = putFrame(id, record.streamName, record.partitionKey, record.explicitHashKey, record.data);
      assert.deepEqual(got, frame({ id, putRecord: record }));
    }
  }
});

test("frames come out whole however the bytes arrive", () => {
  const frames = [1, 2, 3].map((id) => frame({ id, putRecord: { streamName: "s", partitionKey: "k", data: Buffer.alloc(id * 100) } }));
  const bytes = Buffer.concat(frames);
  for (let size = 1; size <= bytes.length; size++) {
    const ids = [];
    const reader = new FrameReader((body) => ids.push(decode("Message", body).id));
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    assert.deepEqual(ids, [1, 2, 3]);
  }
});

test("no bytes do harm", () => {
  for (const length of [0, LIMIT + 1, 0xffffffff]) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    assert.throws(() => new FrameReader(() => {}).push(head), MalformedError);
  }
  const faulty = {
    "08": "in the middle of a number", "": "without id", "0801": undefined, "0a05": "in the middle of a field", "0b": "wire type 3",
    "0880808080808080808080808001": "more than ten bytes", "00": "tag 0", "08012a00": "without success", "0aff": "number",
  };
  for (const [hex, want] of Object.entries(faulty)) {
    const run = () => decode("Message", Buffer.from(hex, "hex"));
    if (want === undefined) run();
    else assert.throws(run, (error) => error instanceof MalformedError && error.message.includes(want), hex);
  }
  assert.deepEqual(decode("Message", Buffer.from("0801f8070179000000000000000085010000000092010100", "hex").subarray(0, 5)), { id: 1 });
  let x = 1; // a fixed seed
  for (let i = 0; i < 20000; i++) {
    const bytes = Buffer.alloc(i % 40);
    for (let j = 0; j < bytes.length; j++) bytes[j] = (x = (x * 48271) % 0x7fffffff) & (j % 3 ? 0x2f : 0xff);
    try {
      decode("Message", bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedError, error);
    }
  }
});
