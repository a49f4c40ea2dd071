"use strict";
// Seeded worlds: children that break in every way that the seed draws, under puts of all sizes. KPLKIT_WORLDS=N for more
// of them, KPLKIT_SEED=N for one.
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { ProducerError } = require("..");
const { world, sleep, random } = require("../testing/world");

const seeds = process.env.KPLKIT_SEED ? [Number(process.env.KPLKIT_SEED)] : [...Array(Number(process.env.KPLKIT_WORLDS || 12)).keys()];

/** A run of the child: most of them end badly, at any byte. */
function draw(r) {
  const ends = [
    () => ({ dieAfterBytes: 1 + r(3000) }), () => ({ dieAfterInput: 1 + r(20000) }), () => ({ exit: 2 }), () => ({ silent: true }),
    () => ({ garbage: ["00000000", "fffffffe", "000000030bffff", "0000000408012a00"][r(4)] }), () => ({ closeOutput: true }), () => ({}),
  ];
  const manners = { twice: r(3) === 0, shuffle: r(3) === 0, every: 1 + r(20), ...(r(4) === 0 && { slowReading: 1 + r(10) }) };
  return { ...manners, ...ends[r(ends.length)]() };
}

for (const seed of seeds) {
  test(`seed ${seed}: each put has one result, and what is acknowledged is stored, in order`, { timeout: 60_000 }, async (t) => {
    const r = random(seed + 1);
    // The first run lives long enough for a start, and the last one for all that is left.
    const runs = [{ dieAfterBytes: 100 + r(5000), twice: true }, ...Array.from({ length: 4 }, () => draw(r)), { twice: r(2) === 0 }];
    const w = await world(t, runs, { hangTimeout: 3000, maxBuffered: 2 << 20 });
    const results = new Map();
    const puts = [];
    for (let i = 0; i < 400; i++) {
      if (r(20) === 0) await sleep(r(10));
      if (r(10) === 0) await w.p.ready();
      const settle = (result) => {
        assert.ok(!results.has(i), `put ${i} has a second result`);
        results.set(i, result);
      };
      puts.push(w.p.put("s", `${i}`, "x".repeat(r(5) === 0 ? r(5000) : r(100)) + i).then(settle, settle));
    }
    await w.p.flush();
    await Promise.all(puts);
    assert.equal(results.size, 400);
    const failed = [...results.values()].filter((result) => result instanceof ProducerError);
    assert.deepEqual(failed, []);
    // Within a run of the child the order is that of the puts; over all runs nothing is missing.
    const byRun = new Map();
    for (const [run, , key] of w.stored()) byRun.set(run, [...(byRun.get(run) ?? []), Number(key)]);
    for (const keys of byRun.values()) assert.deepEqual(keys, [...keys].sort((a, b) => a - b));
    assert.equal(new Set([...byRun.values()].flat()).size, 400);
    const { restarts, resent, ignored, outstandingBytes } = w.p.stats();
    assert.equal(outstandingBytes, 0);
    t.diagnostic(`${restarts} restarts, ${resent} sent again, ${ignored} results ignored`);
  });
}
