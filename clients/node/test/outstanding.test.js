"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { Outstanding } = require("../lib/outstanding");

test("what is with the child, and what is not, adds up over children and removals", (t) => {
  const o = new Outstanding(3000, 60_000, () => {});
  t.after(() => o.stop());
  const puts = [1, 2, 3, 4].map((id) => ({ id, bytes: Buffer.alloc(600, id) })); // 1000 each
  puts.forEach((put) => o.add(put));
  assert.deepEqual([o.size, o.bytes, o.unsentBytes], [4, 4000, 4000]);
  const [first, second] = [{}, {}];
  assert.deepEqual(o.next(first).map((frame) => frame[0]), [1, 2, 3]); // the window is full
  assert.deepEqual([o.unsentBytes, o.sent(3), o.sent(4), o.sent(5)], [1000, puts[2], undefined, undefined]);
  o.remove(puts[0]);
  assert.deepEqual(o.next(first).map((frame) => frame[0]), [4]);
  o.takeBack();
  assert.deepEqual([o.unsentBytes, o.sent(3)], [3000, undefined]);
  o.remove(puts[1]); // no child has it now
  const fifth = { id: 5, bytes: Buffer.alloc(600, 5) };
  o.add(fifth);
  o.remove(fifth); // no child ever had it
  assert.deepEqual([o.bytes, o.unsentBytes], [2000, 2000]);
  assert.deepEqual(o.next(second).map((frame) => frame[0]), [3, 4]);
  assert.deepEqual([o.unsentBytes, o.resent, o.sent(3)], [0, 2, puts[2]]);
  o.remove(puts[2]);
  o.remove(puts[3]);
  assert.deepEqual([o.size, o.bytes, o.unsentBytes, o.next(second).length], [0, 0, 0, 0]);
});
