// Writes the user records' data of a capture, a line each, by aws-kinesis-agg.
'use strict';

const fs = require('fs');
const readline = require('readline');
const agg = require('aws-kinesis-agg');

const lineEnd = Buffer.from('\n');
let parts = [];
let size = 0;

function flush() {
  fs.writeSync(1, Buffer.concat(parts));
  parts = [];
  size = 0;
}

function deaggregate(line) {
  const stored = JSON.parse(line);
  const record = { sequenceNumber: stored.sequence_number, partitionKey: stored.partition_key, data: stored.data };
  agg.deaggregateSync(record, true, (err, users) => {
    if (err) {
      throw err;
    }
    for (const user of users) {
      const data = Buffer.from(user.data, 'base64');
      parts.push(data, lineEnd);
      size += data.length + 1;
    }
  });
  if (size > 1 << 20) {
    flush();
  }
}

const input = fs.createReadStream(process.argv[2], { highWaterMark: 1 << 20 });
readline.createInterface({ input, crlfDelay: Infinity }).on('line', deaggregate).on('close', flush);
