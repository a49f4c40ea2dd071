// A consumer on the AWS SDK for JavaScript, as its users write one, with aws-kinesis-agg if ROW_SELF is 1.
//
// It checkpoints after every user record if ROW_CHECKPOINT is sequence-number, ends at the user record END, and stops
// hard at the user record ROW_AT. What it does it tells as JSON lines.
'use strict';

const fs = require('fs');
const { setTimeout: sleep } = require('timers/promises');
const { KinesisClient, ListShardsCommand, GetShardIteratorCommand, GetRecordsCommand } = require('@aws-sdk/client-kinesis');
const agg = require('aws-kinesis-agg');

const env = process.env;

// writeSync, so that a line is out before the program goes on.
const say = (line) => fs.writeSync(1, `${JSON.stringify(line)}\n`);

const versions = () => ({
  'Node.js': process.version.slice(1),
  '@aws-sdk/client-kinesis': require('@aws-sdk/client-kinesis/package.json').version,
  'aws-kinesis-agg': require('aws-kinesis-agg/package.json').version,
});

// start returns the iterator to begin with: behind the checkpoint, if there is one.
async function start(client) {
  const { Shards } = await client.send(new ListShardsCommand({ StreamName: env.ROW_STREAM }));
  const position = { ShardIteratorType: 'TRIM_HORIZON' };
  if (fs.existsSync(env.ROW_CHECKPOINT_FILE)) {
    position.ShardIteratorType = 'AFTER_SEQUENCE_NUMBER';
    position.StartingSequenceNumber = fs.readFileSync(env.ROW_CHECKPOINT_FILE, 'utf8');
  }
  const command = new GetShardIteratorCommand({ StreamName: env.ROW_STREAM, ShardId: Shards[0].ShardId, ...position });
  return (await client.send(command)).ShardIterator;
}

// userRecords returns what a stored record holds.
function userRecords(stored) {
  if (env.ROW_SELF !== '1') {
    return [{ data: Buffer.from(stored.Data), sequenceNumber: stored.SequenceNumber }];
  }
  let records;
  // aws-kinesis-agg takes records as a Lambda function gets them.
  const lambdaRecord = { sequenceNumber: stored.SequenceNumber, partitionKey: stored.PartitionKey, data: Buffer.from(stored.Data).toString('base64') };
  agg.deaggregateSync(lambdaRecord, true, (err, users) => {
    if (err) {
      throw err;
    }
    records = users;
  });
  return records.map((user) => ({ ...user, data: Buffer.from(user.data, 'base64') }));
}

function processRecord({ data, sequenceNumber, subSequenceNumber = 0 }) {
  say({ record: data.toString('base64'), sequence_number: sequenceNumber, sub_sequence_number: subSequenceNumber });
  if (env.ROW_CHECKPOINT === 'sequence-number') {
    fs.writeFileSync(env.ROW_CHECKPOINT_FILE, sequenceNumber);
    say({ checkpoint: sequenceNumber, error: '' });
  }
  if (['END', env.ROW_AT].includes(data.toString())) {
    say({ stopped: data.toString() });
    process.reallyExit(0);
  }
}

async function main() {
  const client = new KinesisClient({
    region: 'us-east-1', endpoint: env.ROW_KINESIS, credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  });
  let iterator = await start(client);
  while (iterator) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: Number(env.ROW_MAX) }));
    answer.Records.flatMap(userRecords).forEach(processRecord);
    iterator = answer.NextShardIterator;
    if (answer.Records.length === 0) {
      await sleep(200); // as a consumer does that is at the tip
    }
  }
}

if (process.argv.includes('--versions')) {
  console.log(JSON.stringify(versions()));
} else {
  main().catch((err) => {
    say({ error: String(err), stopped: 'error' });
    process.exit(1);
  });
}
