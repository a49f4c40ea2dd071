"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { Window } = require("../lib/window");

test("what is with the child, and what is not, adds up over children and removals", (t) => {
  const w = new Window(3000, 60_000, () => {});
  t.after(() => w.stop());
  const puts = [1, 2, 3, 4].map((id) => ({ id, bytes: Buffer.alloc(600, id) })); // 1000 each
  puts.forEach((put) => w.add(put));
  assert.deepEqual([w.size, w.bytes, w.unsentBytes], [4, 4000, 4000]);
  const [first, second] = [{}, {}];
  assert.deepEqual(w.next(first).map((frame) => frame[0]), [1, 2, 3]); // the window is full
  assert.deepEqual([w.unsentBytes, w.sent(3), w.sent(4), w.sent(5)], [1000, puts[2], undefined, undefined]);
  w.remove(puts[0]);
  assert.deepEqual(w.next(first).map((frame) => frame[0]), [4]);
  w.takeBack();
  assert.deepEqual([w.unsentBytes, w.sent(3)], [3000, undefined]);
  w.remove(puts[1]); // no child has it now
  const fifth = { id: 5, bytes: Buffer.alloc(600, 5) };
  w.add(fifth);
  w.remove(fifth); // no child ever had it
  assert.deepEqual([w.bytes, w.unsentBytes], [2000, 2000]);
  assert.deepEqual(w.next(second).map((frame) => frame[0]), [3, 4]);
  assert.deepEqual([w.unsentBytes, w.resent, w.sent(3)], [0, 2, puts[2]]);
  w.remove(puts[2]);
  w.remove(puts[3]);
  assert.deepEqual([w.size, w.bytes, w.unsentBytes, w.next(second).length], [0, 0, 0, 0]);
});
