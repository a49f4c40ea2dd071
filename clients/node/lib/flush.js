"use strict";
const { ProducerError } = require("./errors");
const { checkTimeout } = require("./settings");

const AGAIN = 500; // ms: a flush may overtake puts, and a new child has not seen it

/** One call of flush: it is done when the puts that were outstanding at its start have their results. */
class Flush {
  #before; // ids below this one count
  #total;
  #left;
  #failed = 0;
  #onProgress;
  #resolve;
  done = new Promise((resolve) => (this.#resolve = resolve));

  constructor(nextId, outstanding, onProgress) {
    this.#before = nextId;
    this.#total = this.#left = outstanding;
    this.#onProgress = onProgress;
  }

  get left() {
    return this.#left;
  }

  /** Counts a put that has its result. Returns whether that was the last. */
  settled(id, failed) {
    if (id >= this.#before) return false;
    this.#left--;
    if (failed) this.#failed++;
    return this.#left === 0;
  }

  finish() {
    this.progress();
    this.#resolve({ succeeded: this.#total - this.#left - this.#failed, failed: this.#failed });
  }

  progress() {
    try {
      this.#onProgress?.({ done: this.#total - this.#left, total: this.#total });
    } catch (error) {
      // An error of the caller's function is the caller's: it is thrown where it ends the program as others do.
      queueMicrotask(() => { throw error; });
    }
  }
}

/** The calls of flush that are under way. While there are some, the writer is asked for a flush again and again. */
class Flushes {
  #window;
  #writer;
  #open = new Set();
  #timer;

  constructor(window, writer) {
    this.#window = window;
    this.#writer = writer;
  }

  /** Resolves when the puts before it have their results; rejects with TIMEOUT. */
  async flush({ timeout, onProgress } = {}) {
    const pause = checkTimeout(timeout);
    const flush = new Flush(this.#window.nextId, this.#window.size, onProgress);
    this.#begin(flush);
    let timer;
    if (pause !== undefined) timer = setTimeout(() => flush.finish(), pause).unref();
    try {
      const result = await flush.done;
      if (flush.left === 0) return result;
      throw new ProducerError("TIMEOUT", `flush: ${flush.left} puts have no result after ${timeout} ms; they go on, and their promises settle by themselves`);
    } finally {
      clearTimeout(timer);
      this.#end(flush);
    }
  }

  /** A put has its result. */
  settled(id, failed) {
    for (const flush of this.#open) if (flush.settled(id, failed)) this.#finish(flush);
  }

  #begin(flush) {
    this.#open.add(flush);
    if (flush.left === 0) this.#finish(flush);
    else this.#writer.askFlush();
    this.#timer ??= setInterval(() => this.#tick(), AGAIN).unref();
    this.#stopIfIdle();
  }

  #finish(flush) {
    this.#open.delete(flush);
    flush.finish();
  }

  #tick() {
    for (const flush of this.#open) flush.progress();
    this.#writer.askFlush();
  }

  #end(flush) {
    this.#open.delete(flush);
    this.#stopIfIdle();
  }

  #stopIfIdle() {
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#writer.forgetFlush();
  }
}

module.exports = { Flushes };
