"use strict";

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

module.exports = { Flush };
