"use strict";
// The real `kplkit daemon` over `kplkit local`. KPLKIT is the path of kplkit; KPLKIT_KILLS=200 for more kills.
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { Producer } = require("..");
const { execFile } = require("node:child_process");
const { alive, credentials, random, sleep, until } = require("../testing/world");
const { startKinesis } = require("../testing/kinesis");

const kplkit = process.env.KPLKIT;
const skip = kplkit ? false : "KPLKIT is not set: the path of kplkit (go build ./cmd/kplkit)";
const kills = Number(process.env.KPLKIT_KILLS || 20);

async function setUp(t, options) {
  const kinesis = await startKinesis(kplkit);
  t.after(kinesis.stop);
  const logged = [];
  const log = (level, message) => logged.push(`${level} ${message}`);
  const base = { command: [kplkit, "daemon"], endpoint: kinesis.endpoint, region: "us-east-1", credentials, metricsLevel: "none", log };
  const p = await Producer.start({ ...base, ...options });
  t.after(() => p.close({ timeout: 0 }).catch(() => {}));
  return { kinesis, p, logged };
}

test("records of all kinds are stored as they were put", { skip, timeout: 60_000 }, async (t) => {
  const { kinesis, p } = await setUp(t, { maxBuffered: 250 << 20 });
  const wanted = [];
  const puts = [];
  for (let i = 0; i < 500; i++) {
    const key = i % 3 ? `key-${i}` : `ключ-${i}`;
    const data = Buffer.alloc(i % 50 ? i : 60_000 + i, i);
    const explicitHashKey = i % 7 ? undefined : (BigInt(i) * 680564733841876926926749214863536422n).toString();
    wanted.push([key, data.toString("base64"), explicitHashKey ?? null]);
    puts.push(p.put("s", key, data, { explicitHashKey }));
  }
  const results = await Promise.all(puts);
  const got = await kinesis.records();
  const line = (r) => [r.partition_key, r.data, r.aggregated ? r.explicit_hash_key : undefined];
  assert.equal(got.length, 500);
  const byKey = new Map(got.map((r) => [r.partition_key, r]));
  wanted.forEach(([key, data, hash], i) => {
    const r = byKey.get(key);
    assert.deepEqual(line(r), [key, data, r.aggregated ? hash : undefined]);
    assert.deepEqual([r.shardId, r.sequence_number], [results[i].shardId, results[i].sequenceNumber]);
    assert.equal(results[i].attempts.at(-1).success, true);
  });
  await p.close();
});

test("a stream that is not there, and a wrong setting, are said so", { skip, timeout: 60_000 }, async (t) => {
  const { p, kinesis } = await setUp(t, { recordTtl: 3000 });
  await assert.rejects(p.put("nowhere", "k", "x"), (error) => {
    assert.match(error.message, /nowhere.*ResourceNotFound.*check the stream's name/s);
    return true;
  });
  const wrong = { command: [kplkit, "daemon", "--no-such-flag"], endpoint: kinesis.endpoint, region: "us-east-1", credentials, log() {} };
  await assert.rejects(Producer.start(wrong), (error) => {
    assert.match(error.message, /no-such-flag/);
    return true;
  });
});

for (const [signal, times] of [["SIGKILL", kills], ["SIGTERM", 5]]) {
  const name = `${times} × ${signal} under load: each put one result, nothing acknowledged is missing`;
  test(name, { skip, timeout: 30_000 + times * 2000 }, (t) => killUnderLoad(t, signal, times));
}

async function killUnderLoad(t, signal, kills) {
  const { kinesis, p } = await setUp(t);
  const results = new Map();
  const recovery = [];
  let killed = 0;
  let unhandled = 0;
  const count = () => unhandled++;
  process.on("unhandledRejection", count);
  const r = random(42);
  let done = false;
  const killer = (async () => {
    while (killed < kills) {
      await sleep(50 + r(250));
      const { pid } = p;
      if (pid === undefined) continue;
      process.kill(pid, signal);
      killed++;
      const begin = performance.now();
      while (p.pid === undefined || p.pid === pid) await sleep(1);
      // It works again when it has stored a record that was put after the kill.
      await p.put("s", "probe", "probe");
      recovery.push(performance.now() - begin);
    }
  })().finally(() => (done = true));
  let i = 0;
  const puts = [];
  const load = (async () => {
    while (!done) {
      for (let n = 0; n < 20; n++) {
        await p.ready();
        const key = i++;
        const settle = (result) => results.set(key, [...(results.get(key) ?? []), result]);
        puts.push(p.put("s", `${key}`, `record ${key}`).then(settle, settle));
      }
      await sleep(10);
    }
  })();
  await Promise.all([killer, load]);
  await p.flush();
  await Promise.all(puts);
  const { restarts, resent, ignored } = p.stats();
  await p.close();
  process.off("unhandledRejection", count);

  const got = new Map();
  for (const { data, sequence_number } of await kinesis.records()) {
    const text = Buffer.from(data, "base64").toString();
    got.set(text, [...(got.get(text) ?? []), sequence_number]);
  }
  let failed = 0;
  let lost = 0;
  let duplicates = 0;
  assert.equal(results.size, i);
  for (const [key, of] of results) {
    assert.equal(of.length, 1, `put ${key} has ${of.length} results`);
    const stored = got.get(`record ${key}`) ?? [];
    if (of[0] instanceof Error) failed++;
    else if (!stored.includes(of[0].sequenceNumber)) lost++;
    duplicates += Math.max(0, stored.length - 1);
  }
  recovery.sort((a, b) => a - b);
  const ms = (n) => recovery[Math.floor(n * (recovery.length - 1))].toFixed(0);
  t.diagnostic(`${i} puts, ${killed} × ${signal}, ${restarts} restarts: ${failed} failed, ${lost} lost, ${duplicates} duplicates, ${resent} sent again, ${ignored} results ignored`);
  t.diagnostic(`a record put after a kill is stored after ${ms(0.5)} ms (median), ${ms(0.9)} ms (90 %), ${ms(1)} ms (most)`);
  assert.deepEqual([failed, lost, unhandled], [0, 0, 0]);
  assert.ok(restarts >= kills);
}

test("a daemon that is stopped for a while loses nothing; one that stays so is ended", { skip, timeout: 60_000 }, async (t) => {
  const { kinesis, p, logged } = await setUp(t, { hangTimeout: 4000 });
  for (const pause of [500, 20_000]) {
    const { pid } = p;
    process.kill(pid, "SIGSTOP");
    const puts = [...Array(1000)].map((_, i) => p.put("s", `${i}`, `${pause} ${i}`));
    const all = Promise.all(puts);
    await Promise.race([all, sleep(pause)]);
    if (pause === 500) process.kill(pid, "SIGCONT");
    await all;
    assert.equal(p.pid === pid, pause === 500);
  }
  assert.match(logged.join("\n"), /no sign of life for 4 s/);
  assert.equal(new Set((await kinesis.records()).map((r) => r.data)).size, 2000);
});

const busy = (ms) => {
  for (const end = Date.now() + ms; Date.now() < end; ); // no result is read, no timer runs
};

test("a program that stands still loses nothing and does not blame the daemon", { skip, timeout: 60_000 }, async (t) => {
  const { p } = await setUp(t, { hangTimeout: 3000, recordTtl: 4000, recordMaxBufferedTime: 1900 });
  const puts = [...Array(2000)].map((_, i) => p.put("s", `${i}`, "x"));
  await sleep(150); // all are with the daemon, and none has a result
  assert.equal(p.stats().outstanding, 2000);
  await new Promise((resolve) => setImmediate(resolve)); // timers come next, before what is in the pipe
  busy(5000);
  await Promise.all(puts);
  // Both stand still, as in a machine that sleeps.
  process.kill(p.pid, "SIGSTOP");
  await sleep(1000); // a request is open
  busy(3500);
  setTimeout(() => process.kill(p.pid, "SIGCONT"), 100);
  await sleep(1000);
  await p.put("s", "k", "x");
  assert.deepEqual([p.stats().restarts, p.stats().failed], [0, 0]);
});

test("a program that is killed under load: the daemon ends, and what was acknowledged is stored", { skip, timeout: 60_000 }, async (t) => {
  const { kinesis } = await setUp(t);
  const program = `
    const { Producer } = require(${JSON.stringify(require.resolve(".."))});
    const { writeSync } = require("node:fs");
    Producer.start(${JSON.stringify({ command: [kplkit, "daemon"], endpoint: kinesis.endpoint, region: "us-east-1", credentials, metricsLevel: "none" })}).then(async (p) => {
      writeSync(1, "pid " + p.pid + "\\n");
      for (let i = 0; ; i++) {
        await p.ready();
        p.put("s", "k" + i, "killed " + i).then((r) => writeSync(1, "killed " + i + "\\n"));
        if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });`;
  let acknowledged = 0;
  for (let n = 0; n < 5; n++) {
    let out = "";
    const child = execFile(process.execPath, ["-e", program]);
    child.stdout.on("data", (chunk) => (out += chunk));
    await until(() => out.length > 2000);
    await sleep(n * 37);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("close", resolve));
    const pid = Number(/^pid (\d+)/.exec(out)[1]);
    await until(() => !alive(pid), "the daemon has ended");
    const stored = new Set((await kinesis.records()).map((r) => Buffer.from(r.data, "base64").toString()));
    const lines = out.split("\n").slice(1, -1);
    for (const line of lines) assert.ok(stored.has(line), line);
    acknowledged += lines.length;
  }
  t.diagnostic(`5 kills of the program: ${acknowledged} records acknowledged, 0 lost`);
});
