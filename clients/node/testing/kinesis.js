"use strict";
// `kplkit local` as the Kinesis of a test, and what is stored in it, read by plain HTTP.
const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const readline = require("node:readline");

/** Starts it with a stream `s` of two shards. */
async function startKinesis(kplkit) {
  const server = spawn(kplkit, ["local", "--json", "--kinesis-port", "0", "--dynamodb-port", "0", "--stream", "s:2"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(readline.createInterface(server.stdout), "line");
  const endpoint = JSON.parse(line).kinesis;
  return { endpoint, stop: () => server.kill("SIGKILL"), records: () => records(kplkit, endpoint) };
}

async function call(endpoint, operation, body) {
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `Kinesis_20131202.${operation}` },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** All user records of the stream, as `kplkit deagg` has them. */
async function records(kplkit, endpoint) {
  const all = [];
  for (const { ShardId } of (await call(endpoint, "ListShards", { StreamName: "s" })).Shards) {
    let at = (await call(endpoint, "GetShardIterator", { StreamName: "s", ShardId, ShardIteratorType: "TRIM_HORIZON" })).ShardIterator;
    for (let more = true; more; ) {
      const page = await call(endpoint, "GetRecords", { ShardIterator: at, Limit: 10000 });
      at = page.NextShardIterator;
      more = page.Records.length > 0;
      if (!more) break;
      const out = execFileSync(kplkit, ["deagg"], { input: JSON.stringify(page), maxBuffer: 1 << 30, stdio: ["pipe", "pipe", "ignore"] });
      for (const line of out.toString().split("\n").filter(Boolean)) all.push({ shardId: ShardId, ...JSON.parse(line) });
    }
  }
  return all;
}

module.exports = { startKinesis };
