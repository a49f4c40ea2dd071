"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { limits, parse } = require("../lib/settings");
const { schema } = require("../lib/protobuf");

const camel = (name) => name.replaceAll(/_([a-z])/g, (_, c) => c.toUpperCase());

test("the settings are those of docs/separate-process.md, with its limits", () => {
  const page = fs.readFileSync(path.join(__dirname, "../../../docs/separate-process.md"), "utf8");
  const table = page.slice(page.indexOf("## Configuration"), page.indexOf("## Metrics"));
  const rows = [...table.matchAll(/^\| ([a-z_]+) \| (bool|number|text|enum|list) \| .*? \| (.*?) \| .*? \|$/gm)];
  assert.ok(rows.length > 30);
  const names = [];
  for (const [, name, kind, limit] of rows) {
    const ours = name === "thread_config" ? "threadingModel" : camel(name);
    names.push(ours);
    const l = limits[ours];
    assert.ok(l, ours);
    if (kind === "bool") assert.equal(l.want, "true or false", ours);
    if (kind === "number") {
      const [min, max] = limit.split(" … ");
      assert.equal(l.min, Number(min), ours);
      assert.equal(l.max, max === "2^63 − 1" ? Number.MAX_SAFE_INTEGER : Number(max), ours);
    }
    if (kind === "text" || kind === "enum") assert.ok(l.pattern, ours);
  }
  assert.deepEqual(Object.keys(limits).sort(), names.sort());
  assert.deepEqual(Object.keys(schema.Configuration).sort(), names);
});

test("a wrong setting is named, with what it should be", () => {
  const wrong = [
    [{ aggregationMaxCount: 0 }, "setting aggregationMaxCount is 0, want a whole number from 1 to 9007199254740991"],
    [{ collectionMaxCount: 501 }, "setting collectionMaxCount is 501, want a whole number from 1 to 500"],
    [{ recordTtl: 99 }, "setting recordTtl is 99, want a whole number from 100 to 9007199254740991"],
    [{ recordTtl: 100n }, "setting recordTtl is 100n, want a whole number"],
    [{ maxConnections: 1.5 }, "setting maxConnections is 1.5, want a whole number from 1 to 256"],
    [{ aggregationEnabled: "no" }, "setting aggregationEnabled is 'no', want true or false"],
    [{ region: "US-EAST-1" }, "setting region is 'US-EAST-1', want a text that matches"],
    [{ region: "us-east-1\n" }, "setting region"],
    [{ logLevel: "warn" }, "setting logLevel"],
    [{ metricsNamespace: "AWS/Kinesis" }, "setting metricsNamespace"],
    [{ threadingModel: "MANY" }, "setting threadingModel"],
    [{ kinesisEndpoint: "ftp://127.0.0.1" }, "setting kinesisEndpoint"],
    [{ kinesisEndpoint: "127.0.0.1:4567" }, "setting kinesisEndpoint"],
    [{ endpoint: "127.0.0.1:4567" }, "setting endpoint is '127.0.0.1:4567', want a text that matches"],
    [{ endpoint: "http://a", kinesisEndpoint: "b" }, "mean the same"],
    [{ maxBuffered: 1 }, "setting maxBuffered is 1, want a whole number from 2097152 to 262144000"],
    [{ command: "kplkit daemon" }, "setting command is 'kplkit daemon', want an array"],
    [{ command: [] }, "setting command"],
    [{ credentials: "me" }, "setting credentials is wrong, want {accessKeyId"],
    [{ credentials: null }, "setting credentials"],
    [{ log: "x" }, "setting log"],
    [{ additionalMetricDims: [{ key: "k", value: "v", granularity: "all" }] }, "setting additionalMetricDims[0].granularity is 'all'"],
    [{ additionalMetricDims: [null] }, "setting additionalMetricDims[0].key"],
    [{ aggregation_max_count: 1 }, "there is no setting aggregation_max_count: did you mean aggregationMaxCount?"],
    [{ recordTTL: 1000 }, "did you mean recordTtl?"],
    [{ turbo: true }, "there is no setting turbo"],
  ];
  for (const [given, want] of wrong) {
    assert.throws(() => parse(given), (error) => error.code === "BAD_SETTING" && error.message.includes(want), want);
  }
  assert.throws(() => parse({ proxyPassword: 5 }), (error) => !error.message.includes("5"));
});

test("what is right passes", () => {
  const { configuration } = parse({
    aggregationMaxSize: 64, recordMaxBufferedTime: 0, region: "us-gov-west-1", endpoint: "http://127.0.0.1:4567", threadingModel: "POOLED",
    recordTtl: undefined, additionalMetricDims: [{ key: "host", value: "one", granularity: "global" }], maxBuffered: 250 << 20,
  });
  assert.deepEqual(configuration, {
    aggregationMaxSize: 64, recordMaxBufferedTime: 0, region: "us-gov-west-1", kinesisEndpoint: "http://127.0.0.1:4567", threadingModel: 1,
    additionalMetricDims: [{ key: "host", value: "one", granularity: "global" }],
  });
});
