"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const path = require("node:path");
const vm = require("node:vm");
const { Producer, ProducerError } = require("..");
const { alive, world, credentials, sleep, until } = require("../testing/world");
const { decode } = require("../lib/protobuf");

const code = (want, ...words) => (error) => {
  assert.ok(error instanceof ProducerError, error);
  assert.equal(error.code, want, error.message);
  for (const word of words) assert.match(error.message, word);
  return true;
};

test("import finds the same names as require", async () => {
  const module = await import("kplkit");
  assert.equal(module.Producer, Producer);
  assert.equal(module.ProducerError, ProducerError);
});

test("a put has its result; settings and credentials reach the child", async (t) => {
  const w = await world(t, [{}], { aggregationMaxCount: 7, endpoint: "http://127.0.0.1:1", credentials: { ...credentials, sessionToken: "t" } });
  const result = await w.p.put("orders", "key-1", "first", { explicitHashKey: 5n });
  assert.deepEqual(result, {
    shardId: "shardId-000000000000", sequenceNumber: "0.1000", attempts: [{ delay: 1, duration: 2, success: true }],
  });
  await w.p.put("orders", "key-2", Buffer.from("second"));
  assert.deepEqual(w.stored(), [["0", "orders", "key-1", "5", "first"], ["0", "orders", "key-2", "", "second"]]);
  const words = w.starts()[0].arguments;
  assert.deepEqual(words.slice(0, 4), ["-i", "-", "-o", "-"]);
  assert.deepEqual(decode("Message", Buffer.from(words[5], "hex")).configuration, {
    aggregationMaxCount: 7, kinesisEndpoint: "http://127.0.0.1:1", metricsLevel: "none", region: "us-east-1",
  });
  assert.ok(!words.join().includes("placeholder"), "a secret is among the arguments");
  const sent = w.lines("credentials").map((line) => JSON.parse(line));
  const c = { akid: "PLACEHOLDER", secretKey: "placeholder", token: "t" };
  assert.deepEqual(sent, [{ credentials: c }, { forMetrics: true, credentials: c }]);
  assert.equal(w.p.pid, w.starts()[0].pid);
  await w.p.close();
  assert.equal(w.p.pid, undefined);
  await assert.rejects(w.p.put("orders", "key", "x"), code("CLOSED"));
  assert.deepEqual(w.logged, []);
});

test("records that Kinesis would never take are refused, and say why", async (t) => {
  const { p, stored } = await world(t, [{}]);
  const wrong = [
    [["", "k", "x"], /stream/], [["s", "", "x"], /partitionKey/], [["s", "k".repeat(257), "x"], /257 characters/],
    [["s", "k", 5], /neither/], [["s", "k", Buffer.alloc(10 << 20)], /10485761 bytes: want 10485760/],
    [["s", "k", "x", { explicitHashKey: "undefined" }], /explicitHashKey is 'undefined'/],
    [["s", "k", "x", { explicitHashKey: "-130" }], /2\^128/], [["s", "k", "x", { explicitHashKey: 1n << 128n }], /2\^128/],
    [["s", "k", "x", { explicitHashKey: 17 }], /explicitHashKey is 17/],
  ];
  for (const [args, want] of wrong) await assert.rejects(p.put(...args), code("BAD_RECORD", want));
  await p.put("s", "\u{1f600}".repeat(256), Buffer.alloc(1000)); // 256 characters, 512 UTF-16 units
  await p.put("s", "half\ud83d", vm.runInNewContext("new Uint8Array(3)"), { explicitHashKey: "007" }); // as under jest
  assert.deepEqual([p.stats().puts, stored()[1][3]], [2, "7"]);
});

test("a failed put says why and what to do", async (t) => {
  const { p } = await world(t, [{ fail: "ResourceNotFoundException" }]);
  await assert.rejects(p.put("orders", "k", "x"), (error) => {
    assert.equal(error.attempts.length, 1);
    return code("PUT_FAILED", /put into orders was given up after 1 request: ResourceNotFoundException: as planned \(check the stream's name/)(error);
  });
  const late = await world(t, [{ fail: "Expired" }]);
  await assert.rejects(late.p.put("orders", "k", "x"), code("EXPIRED", /within recordTtl after 1 request: Provisioned.*slow down \(the stream takes no more/));
});

test("data may be changed after put", async (t) => {
  const w = await world(t, [{}]);
  const data = Buffer.from("before");
  const put = w.p.put("s", "k", data);
  data.fill("x");
  await put;
  assert.equal(w.stored()[0].at(-1), "before");
});

test("kill -9: all that is outstanding is sent again in order, before new puts", async (t) => {
  const w = await world(t, [{ holdResults: true }, {}]);
  const puts = [];
  for (let i = 0; i < 100; i++) puts.push(w.p.put("s", "k", `${i}`));
  await until(() => w.stored().length === 100);
  const first = w.p.pid;
  process.kill(first, "SIGKILL");
  for (let i = 100; i < 120; i++) puts.push(w.p.put("s", "k", `${i}`));
  const results = await Promise.all(puts);
  assert.ok(results.every((r) => r.sequenceNumber.startsWith("1.")));
  assert.deepEqual(w.stored().filter(([start]) => start === "1").map((s) => s.at(-1)), [...Array(120).keys()].map(String));
  assert.notEqual(w.p.pid, first);
  const { restarts, resent, succeeded, outstanding } = w.p.stats();
  assert.deepEqual([restarts, succeeded, outstanding], [1, 120, 0]);
  assert.ok(resent >= 100 && resent <= 120, `${resent}`); // the last twenty may be in a pipe that nobody read
  assert.match(w.logged.join("\n"), new RegExp(`warning the child \\(process ${first}\\) was ended by SIGKILL; it is started again`));
});

test("what a child that was told to end hands back is put by the next one", async (t) => {
  const w = await world(t, [{ fail: "Shutdown" }, {}]);
  const puts = [w.p.put("s", "k", "x"), w.p.put("s", "k", "y")];
  setTimeout(() => process.kill(w.p.pid, "SIGTERM"), 200);
  for (const { sequenceNumber } of await Promise.all(puts)) assert.match(sequenceNumber, /^1\./);
});

test("second, late and unknown results are counted and change nothing", async (t) => {
  const w = await world(t, [{ twice: true, shuffle: true }]);
  const results = await Promise.all([...Array(50)].map((_, i) => w.p.put("s", `${i}`, "x")));
  assert.equal(new Set(results.map((r) => r.sequenceNumber)).size, 50);
  await until(() => w.p.stats().ignored === 50);
  const late = await world(t, [{ holdAfter: 0 }], { recordTtl: 100 });
  await assert.rejects(late.p.put("s", "k", "x"), code("EXPIRED", /no result within recordTtl \(100 ms\).*may be stored all the same/));
  late.release();
  await until(() => late.p.stats().ignored === 1);
  assert.equal(late.p.stats().failed, 1);
});

test("recordTtl counts from the put, over restarts", async (t) => {
  const w = await world(t, [{ holdResults: true }], { recordTtl: 600 });
  const begin = performance.now();
  let kills = 0;
  const killing = setInterval(() => w.p.pid && kills++ < 6 && process.kill(w.p.pid, "SIGKILL"), 300);
  t.after(() => clearInterval(killing));
  await assert.rejects(w.p.put("s", "k", "x"), code("EXPIRED"));
  assert.ok(performance.now() - begin >= 600);
  assert.ok(kills < 6, "counted from when it was sent again, it would not expire between kills");
});

for (const [name, plan, why] of [
  ["hangs without a word", { silent: true }, /no sign of life for 1 s/],
  ["is stopped", { stop: true }, /no sign of life for 1 s/],
]) {
  test(`a child that ${name} is ended and started again`, async (t) => {
    const w = await world(t, [{}, plan, {}], { hangTimeout: 1000 });
    process.kill(w.p.pid, "SIGKILL");
    const put = w.p.put("s", "k", "x");
    assert.match((await put).sequenceNumber, /^[2-7]\./); // a busy machine may need more than a second to start one
    assert.match(w.logged.join("\n"), why);
  });
}

for (const [name, plan, why] of [
  ["a length of nothing", { garbage: "00000000" }, /not the protocol: a frame of 0 bytes/],
  ["a huge length", { garbage: "ffffffff00" }, /not the protocol: a frame of 4294967295 bytes/],
  ["bytes that are no message", { garbage: "000000020bff" }, /not the protocol: wire type 3/],
  ["success without a sequence number", { bare: true, holdResults: false }, /not the protocol: success without a sequence number/],
  ["the end of its output", { closeOutput: true }, /closed its output/],
]) {
  test(`a child that writes ${name} is ended and started again`, async (t) => {
    const w = await world(t, [{ holdResults: true, ...plan }, {}]);
    assert.match((await w.p.put("s", "k", "x")).sequenceNumber, /^1\./);
    assert.match(w.logged.join("\n"), why);
  });
}

test("what a child says that nobody knows is ignored", async (t) => {
  const w = await world(t, [{ garbage: "00000002080100000006080110ffff03" }]);
  await sleep(50);
  await w.p.put("s", "k", "x");
  assert.equal(w.p.stats().restarts, 0);
});

test("exit code 1 is a wrong setting: not started again, the child's last words are quoted", async (t) => {
  const words = "++++\n[2026-11-28 20:16:21.078019] [0x1][0x2] [error] [main.cc:1] region is wrong\nreally\n----\n";
  const w = await world(t, [{ exit: 1, stderr: words }], { start: false });
  await assert.rejects(w.start(), code("BAD_SETTING", /ended with exit code 1, which means that a setting is wrong; its last words:\n\[2026.*region is wrong\nreally$/));
  assert.equal(w.starts().length, 1);
  assert.equal(w.logged.filter((line) => line.startsWith("error [2026")).length, 1);
});

test("exit code 1 is an end like any other once a child has answered", async (t) => {
  const w = await world(t, [{ holdResults: true }, { exit: 1 }, { exit: 1 }, {}]);
  const put = w.p.put("s", "k", "x");
  process.kill(w.p.pid, "SIGKILL");
  assert.match((await put).sequenceNumber, /^3\./);
});

test("a crash loop ends in an error that all outstanding puts get", async (t) => {
  const w = await world(t, [{ holdResults: true }, { exit: 2, stderr: "panic: at the start\n" }]);
  const puts = [w.p.put("s", "k", "x"), w.p.put("s", "k", "y")];
  process.kill(w.p.pid, "SIGKILL");
  for (const put of puts) await assert.rejects(put, code("CRASH_LOOP", /8 children in a row.*exit code 2.*panic: at the start/s));
  assert.equal(w.starts().length, 8);
  await assert.rejects(w.p.put("s", "k", "z"), code("CRASH_LOOP", /start another producer/));
  assert.deepEqual(await w.p.flush(), { succeeded: 0, failed: 0 });
  await w.p.ready();
  await w.p.close();
});

test("a command that is not there, and one that is not a child, are said so", async () => {
  const start = (command) => Producer.start({ command, region: "us-east-1", credentials, hangTimeout: 1000, log() {} });
  await assert.rejects(start(["/nowhere/kplkit", "daemon"]), code("NO_CHILD", /could not be started: .*ENOENT: install kplkit/));
  await assert.rejects(start([__dirname]), code("NO_CHILD", /EACCES.*chmod/));
  await assert.rejects(start(["sh", "-c", "sleep 100"]), code("NO_CHILD", /no sign of life.*is the option command the right one/));
});

test("a system that has no room for a child is not told to install one", { skip: process.platform === "win32" && "no ulimit" }, async (t) => {
  const w = await world(t, [{}], { start: false });
  const text = `
    const { Producer } = require(${JSON.stringify(path.join(__dirname, ".."))});
    const files = [];
    try { for (;;) files.push(require("node:fs").openSync("/dev/null")); } catch {}
    Producer.start(${JSON.stringify(optionsOf(w, [{}]))}).catch((error) => console.log(error.message));`;
  const child = spawn("sh", ["-c", 'ulimit -n 200; exec "$0" -e "$1"', process.execPath, text], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  await new Promise((resolve) => child.on("close", resolve));
  assert.match(out, /could not be started: .*EMFILE\n$/);
});

test("a program that is none of ours is said so", async (t) => {
  const w = await world(t, [{ exit: 127, stderr: "kplkit: 1: ELF: not found\n" }], { start: false });
  await assert.rejects(w.start(), code("CRASH_LOOP", /exit code 127; none of them said a word: is the option command.*ELF: not found/s));
});

test("a child that can't be started for a while is tried again", async (t) => {
  const w = await world(t, [{}, { exit: 2 }, { exit: 2 }, {}]);
  process.kill(w.p.pid, "SIGKILL");
  assert.match((await w.p.put("s", "k", "x")).sequenceNumber, /^3\./);
});

test("maxBuffered bounds what the child has got; ready() waits for room", async (t) => {
  const w = await world(t, [{ every: 30, slowResults: 4 }], { maxBuffered: 2 << 20 });
  const puts = [];
  let most = 0;
  for (let i = 0; i < 40; i++) {
    await w.p.ready();
    puts.push(w.p.put("s", "k", Buffer.alloc(200_000, 97)));
    most = Math.max(most, w.p.stats().outstandingBytes);
  }
  assert.ok(most >= 2 << 20 && most < (2 << 20) + 210_000, `${most}`);
  await Promise.all(puts);
  // Without ready(): the window holds all the same, and the promises wait.
  const held = await world(t, [{ holdResults: true }], { maxBuffered: 2 << 20, recordTtl: 4000 });
  const waits = [...Array(40)].map(() => held.p.put("s", "k", Buffer.alloc(200_000, 97)).catch((error) => error));
  assert.ok(held.p.needDrain);
  await until(() => held.stored().length >= 10);
  if (held.p.stats().failed === 0) assert.equal(held.stored().length, 10); // one that expires leaves its room to the next
  const errors = await Promise.all(waits);
  errors.forEach((error, i) => assert.match(error.message, i < 10 ? /may be stored/ : /may be stored|it waited for room/));
  assert.equal(held.p.stats().outstandingBytes, 0);
});

test("a child that reads slowly costs no memory beyond the outstanding puts, and loses nothing", async (t) => {
  const w = await world(t, [{ slowReading: 5 }]);
  const puts = [...Array(300)].map((_, i) => w.p.put("s", "k", `${i} `.repeat(2000)));
  await Promise.all(puts);
  assert.deepEqual(w.stored().map((s) => s[4]), [...Array(300).keys()].map(String));
});

test("flush counts the puts before it, shows progress, and has a timeout", async (t) => {
  const w = await world(t, [{ every: 300, slowResults: 1, holdAfter: 6 }]);
  for (let i = 0; i < 6; i++) w.p.put("s", "k", "x").catch(() => {});
  const seen = [];
  const flushed = w.p.flush({ onProgress: (p) => seen.push(p) });
  const after = w.p.put("s", "k", "later");
  assert.deepEqual(await flushed, { succeeded: 6, failed: 0 });
  assert.equal(w.p.stats().outstanding, 1);
  assert.deepEqual(seen.at(-1), { done: 6, total: 6 });
  assert.ok(seen.length >= 2 && seen[0].done < 6, JSON.stringify(seen));
  await assert.rejects(w.p.flush({ timeout: 1 }), code("TIMEOUT", /1 puts have no result after 1 ms/));
  w.release();
  await after;
  assert.deepEqual(await w.p.flush(), { succeeded: 0, failed: 0 });
});

test("a timeout may be long or infinite; one that is none changes nothing", async (t) => {
  const w = await world(t, [{ every: 300 }]);
  for (const timeout of [-1, NaN, "soon", null]) {
    await assert.rejects(w.p.flush({ timeout }), code("BAD_SETTING", /timeout is .*, want milliseconds/));
    await assert.rejects(w.p.close({ timeout }), code("BAD_SETTING", /timeout is .*, want milliseconds/));
  }
  w.p.put("s", "k", "x");
  assert.deepEqual(await w.p.flush({ timeout: 1e12 }), { succeeded: 1, failed: 0 });
  const last = w.p.put("s", "k", "x");
  await w.p.close({ timeout: Infinity });
  await last;
});

test("close waits for results, ends the child, may be called twice, and gives up when told to", async (t) => {
  const w = await world(t, [{ every: 200 }]);
  const put = w.p.put("s", "k", "x");
  const closing = w.p.close();
  assert.equal(w.p.close(), closing);
  await assert.rejects(w.p.put("s", "k", "y"), code("CLOSED"));
  await Promise.all([put, closing]);
  assert.throws(() => process.kill(w.starts()[0].pid, 0));
  const held = await world(t, [{ holdResults: true }]);
  const lost = assert.rejects(held.p.put("s", "k", "x"), code("CLOSED", /may be stored all the same/));
  await assert.rejects(held.p.close({ timeout: 50 }), code("TIMEOUT", /1 puts had no result after 50 ms/));
  await lost;
});

test("close works while the child is away, and with one that does not end", async (t) => {
  const w = await world(t, [{}, { exit: 2 }]);
  process.kill(w.p.pid, "SIGKILL");
  await until(() => w.p.stats().restarts >= 2);
  await w.p.close();
  const starts = w.starts().length;
  await sleep(300);
  assert.equal(w.starts().length, starts);
  const stays = await world(t, [{ neverEnds: true }]);
  const { pid } = stays.p;
  await stays.p.close();
  await until(() => !alive(pid));
});

/** Runs a program that has a producer p; returns its exit code, what it wrote, and how long it lived. */
async function program(w, body, failed = "undefined") {
  const text = `
    const { Producer } = require(${JSON.stringify(path.join(__dirname, ".."))});
    Producer.start(${JSON.stringify(w)}).then(async (p) => { console.log(p.pid); ${body} }, ${failed});`;
  const child = spawn(process.execPath, ["-e", text], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (out += chunk));
  const exit = new Promise((resolve) => child.on("close", (status, signal) => resolve({ status, signal, out })));
  return { child, exit, out: () => out };
}

const optionsOf = (w, runs) => ({
  command: [process.execPath, path.join(__dirname, "../testing/fake-child.js"), JSON.stringify({ folder: w.folder, runs })],
  region: "us-east-1", credentials,
});

test("a program ends by itself: with an open producer once all puts have results, and after close", async (t) => {
  const w = await world(t, [{}], { start: false });
  const slow = optionsOf(w, [{ every: 400 }]);
  for (const body of ["p.put('s', 'k', 'x').then(() => console.log('stored'));", "await p.put('s', 'k', 'x'); console.log('stored'); await p.close();"]) {
    const { exit } = await program(slow, body);
    const { status, out } = await exit;
    assert.equal(status, 0, out);
    assert.match(out, /^\d+\nstored\n$/);
    await until(() => !alive(Number.parseInt(out, 10)));
  }
});

test("a program that is killed takes the child with it; Ctrl-C reaches the program alone", { skip: process.platform === "win32" && "no process groups" }, async (t) => {
  const w = await world(t, [{}], { start: false });
  const { child, exit, out } = await program(optionsOf(w, [{}]), "setInterval(() => {}, 1000)");
  await until(() => out().includes("\n"));
  const pid = Number.parseInt(out(), 10);
  assert.throws(() => process.kill(-child.pid, 0)); // it is no leader of a group, so the test's group has it
  process.kill(-pid, 0); // the child is
  child.kill("SIGKILL");
  await exit;
  await until(() => !alive(pid));
});

test("a fault of the log function costs nothing; a start that fails leaves nothing behind", async (t) => {
  const w = await world(t, [{ holdResults: true, stderr: "hello\n" }, {}], { log: () => { throw new Error("log"); } });
  process.kill(w.p.pid, "SIGKILL");
  await w.p.put("s", "k", "x");
  const quiet = await world(t, [{}], { start: false });
  const { exit } = await program(optionsOf(quiet, [{ exit: 1 }]), "", "(error) => console.log(error.code)");
  const { out, status } = await exit;
  assert.match(out, /BAD_SETTING/);
  assert.equal(status, 0);
});
