// A consumer on the AWS SDK for JavaScript that follows a stream through splits and merges, as its users write one.
//
// It reads a shard once its parents have ended, by GetRecords, or by SubscribeToShard if it is told a CONSUMER. Each record
// is a JSON line on standard output; once a line has come back, the record is taken, and its sequence number is the shard's
// position in the file POSITIONS. Nothing here knows of a proxy: AWS_ENDPOINT_URL_KINESIS leads there.
//
// usage: follow.js STREAM POSITIONS [CONSUMER]
'use strict';

const fs = require('fs');
const readline = require('readline');
const { setTimeout: sleep } = require('timers/promises');
const kinesis = require('@aws-sdk/client-kinesis');

const END = 'end';
const [StreamName, path, ConsumerARN] = process.argv.slice(2);
const client = new kinesis.KinesisClient({});
const send = (name, input) => client.send(new kinesis[`${name}Command`](input));

const positions = new Map();
if (fs.existsSync(path)) {
  for (const line of fs.readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
    positions.set(...line.split(' '));
  }
}

function store(shard, position) {
  positions.set(shard, position);
  fs.writeFileSync(`${path}.new`, [...positions].map((pair) => `${pair.join(' ')}\n`).join(''));
  fs.renameSync(`${path}.new`, path);
}

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Shards that are subscribed to take turns: a record is handed over after the one before is taken.
let turn = Promise.resolve();
const handOver = (shard, records) => (turn = turn.then(async () => {
  for (const record of records) {
    const line = { shard, number: record.SequenceNumber, data: Buffer.from(record.Data).toString('base64') };
    fs.writeSync(1, `${JSON.stringify(line)}\n`);
    if ((await answers.next()).done) {
      process.reallyExit(0);
    }
    store(shard, record.SequenceNumber);
  }
}));

const after = (number) => (number ? { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: number } : { Type: 'TRIM_HORIZON' });

async function poll(ShardId) {
  const { Type, SequenceNumber } = after(positions.get(ShardId));
  const start = { StreamName, ShardId, ShardIteratorType: Type, StartingSequenceNumber: SequenceNumber };
  let { ShardIterator } = await send('GetShardIterator', start);
  while (ShardIterator) {
    const answer = await send('GetRecords', { ShardIterator, Limit: 100 });
    await handOver(ShardId, answer.Records);
    ShardIterator = answer.NextShardIterator;
    await sleep(50);
  }
}

async function subscribe(ShardId) {
  let from = positions.get(ShardId);
  for (let ended = false; !ended;) {
    try {
      const { EventStream } = await send('SubscribeToShard', { ConsumerARN, ShardId, StartingPosition: after(from) });
      for await (const { SubscribeToShardEvent: event } of EventStream) {
        await handOver(ShardId, event.Records);
        from = event.ContinuationSequenceNumber ?? from;
        ended = Boolean(event.ChildShards?.length);
      }
    } catch (err) {
      if (err.name !== 'ResourceInUseException') { // the subscription of the process before is not over yet
        throw err;
      }
      await sleep(200);
    }
  }
}

async function follow(shard) {
  await (ConsumerARN ? subscribe(shard) : poll(shard));
  store(shard, END);
}

async function main() {
  const begun = new Set();
  for (;;) {
    const { Shards } = await send('ListShards', { StreamName });
    for (const { ShardId, ParentShardId, AdjacentParentShardId } of Shards) {
      const parents = [ParentShardId, AdjacentParentShardId].filter(Boolean);
      if (!begun.has(ShardId) && positions.get(ShardId) !== END && parents.every((p) => positions.get(p) === END)) {
        begun.add(ShardId);
        follow(ShardId).catch(fail);
      }
    }
    await sleep(100);
  }
}

function fail(err) {
  console.error(err);
  process.exit(1);
}

main().catch(fail);
