"use strict";
// A child that keeps to the protocol, or breaks it as it is told: node fake-child.js PLAN ….
// PLAN is JSON: {folder, runs: [{…}, …]}: each start takes the next of runs, the last one for ever. A file in the folder
// counts the starts, and the file "stored" has a line for each record that this Kinesis has stored. With holdAfter: N, the
// results after the first N wait for the file "release".
const fs = require("node:fs");
const path = require("node:path");
const { frame, FrameReader } = require("../lib/frames");
const { decode } = require("../lib/protobuf");

const { folder, runs } = JSON.parse(process.argv[2]);
const startsFile = path.join(folder, "starts");
fs.appendFileSync(startsFile, `${JSON.stringify({ pid: process.pid, arguments: process.argv.slice(3) })}\n`);
const start = fs.readFileSync(startsFile, "utf8").split("\n").length - 2;
const run = runs[Math.min(start, runs.length - 1)];

const store = (put) =>
  fs.appendFileSync(path.join(folder, "stored"), `${start} ${put.streamName} ${put.partitionKey} ${put.explicitHashKey ?? ""} ${put.data}\n`);

let left = run.dieAfterBytes ?? Infinity; // of output
let seen = run.dieAfterInput ?? Infinity; // bytes of input
function write(bytes) {
  if (bytes.length < left) {
    left -= bytes.length;
    process.stdout.write(bytes);
    return;
  }
  if (left > 0) fs.writeSync(1, bytes.subarray(0, left));
  process.kill(process.pid, "SIGKILL");
}

let results = 0;
const held = () => results >= (run.holdAfter ?? Infinity) && !fs.existsSync(path.join(folder, "release"));

let sequence = 1000;
function answer(message) {
  const id = message.id;
  if (message.metricsRequest) {
    if (!run.silent) write(frame({ id: 7, sourceId: id, metricsResponse: {} }));
  } else if (message.putRecord) {
    if (run.garbage) write(Buffer.from(run.garbage, "hex"));
    if (run.closeOutput) {
      run.closeOutput = false;
      run.silent = true;
      fs.closeSync(1);
    }
    const put = message.putRecord;
    const failed = run.fail && { errorCode: run.fail, errorMessage: "as planned" };
    if (!failed) store(put);
    const attempts = [{ delay: 1, duration: 2, success: !failed, ...failed }];
    if (run.fail === "Expired") attempts.unshift({ delay: 1, duration: 2, success: false, errorCode: "ProvisionedThroughputExceededException", errorMessage: "slow down" });
    const result = failed
      ? { attempts, success: false }
      : { attempts, success: true, shardId: "shardId-000000000000", sequenceNumber: `${start}.${sequence++}` };
    if (run.bare) delete result.sequenceNumber;
    const times = run.twice ? 2 : 1;
    for (let i = 0; i < times; i++) later.push(frame({ id: 9, sourceId: id, putRecordResult: result }));
  } else if (message.setCredentials) {
    fs.appendFileSync(path.join(folder, "credentials"), `${JSON.stringify(message.setCredentials)}\n`);
  }
}

// Answers go out in the order, or disorder, that is planned.
const later = [];
setInterval(() => {
  if (run.silent || run.holdResults || held()) return;
  if (run.shuffle) later.sort(() => Math.random() - 0.5);
  const n = run.slowResults ?? later.length;
  const some = later.splice(0, n);
  results += some.length;
  if (some.length > 0) write(Buffer.concat(some));
}, run.every ?? 1);

if (run.stderr) fs.writeSync(2, run.stderr);
if (run.exit !== undefined) process.exit(run.exit);
if (run.stop) process.kill(process.pid, "SIGSTOP");

const reader = new FrameReader((bytes) => answer(decode("Message", bytes)));
process.stdin.on("data", (chunk) => {
  const part = chunk.subarray(0, Math.max(0, seen));
  seen -= chunk.length;
  reader.push(part);
  if (seen <= 0) process.kill(process.pid, "SIGKILL");
  if (run.slowReading) {
    process.stdin.pause();
    setTimeout(() => process.stdin.resume(), run.slowReading);
  }
});
process.stdin.on("end", () => {
  if (run.neverEnds) return;
  if (later.length > 0 && !run.holdResults) write(Buffer.concat(later));
  process.stdout.end(() => process.exit(0));
});
