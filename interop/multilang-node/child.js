'use strict';

// A record processor for the MultiLangDaemon, on AWS's library for Node: what python/multilang_child.py is on none. Its
// checkpointer takes a sequence number, or nothing; a sub-sequence number it can't be given.

const kcl = require('aws-kcl');
const net = require('net');

const { ROW_AT, ROW_WHEN, ROW_CHECKPOINT } = process.env;
const reporter = net.connect(Number(process.argv[2]), '127.0.0.1');

const tell = (what) => reporter.write(JSON.stringify(what) + '\n');

// stop ends the daemon, hard, and this process with it.
function stop(why) {
  tell({ stopped: why, error: '' });
  return new Promise(() => {});
}

// checkpoint does so in the style that ROW_CHECKPOINT names.
async function checkpoint(checkpointer, record) {
  if (ROW_CHECKPOINT === 'nothing') {
    return;
  }
  const number = ROW_CHECKPOINT === 'none' ? [] : [record.sequenceNumber];
  const error = await new Promise((resolve) => checkpointer.checkpoint(...number, resolve));
  tell({ checkpoint: number.join(), error: error || '' });
}

async function deliver(records, checkpointer) {
  let stopped = false;
  let ended = false;
  for (const record of records) {
    const text = Buffer.from(record.data, 'base64').toString();
    tell({ record: record.data, sequence_number: record.sequenceNumber, sub_sequence_number: record.subSequenceNumber });
    ended ||= text === 'END';
    if (!ROW_AT || text !== ROW_AT) {
      continue;
    }
    if (ROW_WHEN === 'at') {
      await checkpoint(checkpointer, record);
    }
    if (ROW_WHEN !== 'batch') {
      await stop(`at ${ROW_AT}`);
    }
    stopped = true;
  }
  if (stopped) {
    await checkpoint(checkpointer, records.at(-1));
    await stop(`after the batch with ${ROW_AT}`);
  }
  if (ended) {
    await stop('END');
  }
}

kcl({
  initialize: (input, done) => done(),
  processRecords: (input, done) => deliver(input.records, input.checkpointer).then(done),
  leaseLost: (input, done) => {
    tell({ lease_lost: true });
    done();
  },
  shardEnded: (input, done) => input.checkpointer.checkpoint(() => done()),
}).run();
