"use strict";
const { performance } = require("node:perf_hooks");

const OVERHEAD = 400; // bytes that a put takes besides its frame: its promise, its place in the maps
const WRITE = 64 << 10; // bytes of frames that are written at once
const GRACE = 250; // ms after the time to live for the child's own answer, which says why

/**
 * The puts that have no result, in their order: those that the present child has got, and those that it has not. A put
 * is {id, stream, bytes, resolve, reject}; the rest of its fields are kept here.
 */
class Window {
  nextId = 1; // of all messages to a child, over all children
  bytes = 0; // of memory that they take
  resent = 0; // how many were given to a further child
  #puts = new Map(); // by id, in the order of the puts
  #queue = []; // those that the present child has not got, from #head on; settled ones may be among them
  #head = 0;
  #child; // the present one
  #sentBytes = 0; // of those that it has got
  #max;
  #ttl;
  #onExpired;
  #expiry; // timer

  /** max: bytes that a child may have; ttl: ms until onExpired(put) is called, which has to remove the put. */
  constructor(max, ttl, onExpired) {
    this.#max = max;
    this.#ttl = ttl;
    this.#onExpired = onExpired;
  }

  get size() {
    return this.#puts.size;
  }

  get unsentBytes() {
    return this.bytes - this.#sentBytes;
  }

  all() {
    return [...this.#puts.values()];
  }

  add(put) {
    put.at = performance.now();
    put.size = put.bytes.length + OVERHEAD;
    put.sentTo = undefined;
    put.done = false;
    this.#puts.set(put.id, put);
    this.bytes += put.size;
    this.#queue.push(put);
    if (this.#expiry === undefined) this.#expireIn(this.#ttl + GRACE);
  }

  /** The put that a result with this id is for; undefined if the present child has none like that. */
  sent(id) {
    const put = this.#puts.get(id);
    return put && this.#isSent(put) ? put : undefined;
  }

  #isSent(put) {
    return put.sentTo !== undefined && put.sentTo === this.#child;
  }

  remove(put) {
    put.done = true;
    this.#puts.delete(put.id);
    this.bytes -= put.size;
    if (this.#isSent(put)) this.#sentBytes -= put.size;
  }

  /** All has to be sent, in order, to the next child. */
  takeBack() {
    this.#child = undefined;
    this.#sentBytes = 0;
    this.#queue = this.all();
    this.#head = 0;
  }

  /** The frames that the child is to get next; none if there are none or if it has as much as it may. */
  next(child) {
    this.#child = child;
    const oldest = performance.now() - this.#ttl;
    const batch = [];
    for (let size = 0; size < WRITE && this.#head < this.#queue.length; this.#head++) {
      const put = this.#queue[this.#head];
      if (put.done || put.at < oldest) continue; // a late one is about to expire
      if (this.#sentBytes > 0 && this.#sentBytes + put.size > this.#max) break;
      if (put.sentTo !== undefined) this.resent++;
      put.sentTo = child;
      this.#sentBytes += put.size;
      size += put.bytes.length;
      batch.push(put.bytes);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    return batch;
  }

  stop() {
    clearTimeout(this.#expiry);
  }

  #expireIn(pause) {
    const due = performance.now() + pause;
    const fire = () => {
      // A timer that is late means that this program stood still: results that lie in the pipe are read before.
      if (performance.now() - due > GRACE) this.#expireIn(GRACE);
      else this.#expire();
    };
    this.#expiry = setTimeout(fire, Math.min(pause, 2 ** 31 - 1)).unref();
  }

  #expire() {
    const oldest = performance.now() - this.#ttl - GRACE;
    this.#expiry = undefined;
    for (const put of this.#puts.values()) {
      if (put.at > oldest) return this.#expireIn(put.at - oldest + 1);
      this.#onExpired(put);
    }
  }
}

module.exports = { Window, WRITE };
