// Puts user records with clients/node: lines as those of java/kpl/Put.java go in and out. See put.go.
'use strict';

const fs = require('fs');
const readline = require('readline');
const { Producer } = require('../../clients/node');

const say = (...fields) => fs.writeSync(1, `${fields.join('\t')}\n`);

async function main() {
  const producer = await Producer.start({
    command: [process.env.ROW_KPLKIT, 'daemon'], endpoint: process.env.ROW_KINESIS, metricsLevel: 'none',
    aggregationMaxCount: Number(process.env.ROW_PER_AGGREGATE) || undefined,
  });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, stream, key, data] = line.split('\t');
    await producer.ready();
    producer.put(stream, key, data).then(
      (r) => say(line, r.shardId, r.sequenceNumber, r.attempts.length, ''),
      (error) => say(line, '', '', error.attempts.length, String(error).replaceAll('\n', ' ')),
    );
  }
  await producer.close();
}

main();
