// De-aggregates with aws-kinesis-agg: stored records in, user records out, as JSON lines.
'use strict';

const readline = require('readline');
const agg = require('aws-kinesis-agg');

function versions() {
  console.log(JSON.stringify({
    node: process.version,
    'aws-kinesis-agg': require('aws-kinesis-agg/package.json').version,
    protobufjs: require('protobufjs/package.json').version,
  }));
}

// The form in which a Lambda function gets a stored record.
const lambdaRecord = (stored) => ({
  sequenceNumber: stored.sequence_number,
  partitionKey: stored.partition_key,
  data: stored.data,
});

const userRecord = (user) => ({
  sequence_number: user.sequenceNumber,
  sub_sequence_number: user.subSequenceNumber,
  partition_key: user.partitionKey,
  explicit_hash_key: user.explicitPartitionKey,
  data: user.data,
});

function deaggregate(line) {
  const stored = JSON.parse(line);
  agg.deaggregateSync(lambdaRecord(stored), true, (err, users) => {
    if (err) {
      console.log(JSON.stringify({ sequence_number: stored.sequence_number, error: String(err) }));
      return;
    }
    for (const user of users) {
      console.log(JSON.stringify(userRecord(user)));
    }
  });
}

if (process.argv.includes('--versions')) {
  versions();
} else {
  readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', deaggregate);
}
