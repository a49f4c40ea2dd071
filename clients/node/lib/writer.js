"use strict";
// What goes to the child that runs, in its order, and who waits until there is room for more.
const { frame } = require("./frames");
const { WRITE } = require("./window");

const READY = 1 << 20; // ready() waits while the child has more than this still to read

/** Writes what is outstanding, as much as the child takes, and then the flush that was asked for. */
class Writer {
  #window;
  #maxBuffered;
  #child; // the one that runs
  #coming = false; // a pump is on its way
  #flushAsked = false; // a flush frame has to follow the queue
  #waiting = []; // resolve functions of ready()

  constructor(window, maxBuffered) {
    this.#window = window;
    this.#maxBuffered = maxBuffered;
  }

  /** A child is there: it gets all that is outstanding. */
  begin(child) {
    this.#child = child;
    this.pump();
  }

  /** The child is gone: all has to be sent again, in order, and flushed, since it has waited before. */
  end() {
    this.#child = undefined;
    this.#window.takeBack();
    this.#flushAsked = this.#window.size > 0;
  }

  /** A put was added. Puts of one turn of the event loop are written together; a long turn is cut. */
  added() {
    if (this.#window.unsentBytes >= WRITE) this.pump();
    else this.pumpSoon();
  }

  askFlush() {
    this.#flushAsked = true;
    this.pump();
  }

  forgetFlush() {
    this.#flushAsked = false;
  }

  pumpSoon() {
    if (this.#coming) return;
    this.#coming = true;
    setImmediate(() => this.pump());
  }

  /** Writes what the child takes now: the queue within the window, then a flush that was asked for. */
  pump() {
    this.#coming = false;
    const child = this.#child;
    while (child && !child.blocked) {
      const batch = this.#window.next(child);
      if (batch.length === 0) break;
      child.write(batch.length === 1 ? batch[0] : Buffer.concat(batch));
    }
    if (this.#flushAsked && child && !child.blocked) {
      this.#flushAsked = false;
      child.write(frame({ id: this.#window.nextId++, flush: {} }));
    }
    this.#wake();
  }

  /** Whether a put now would wait for others. */
  get needDrain() {
    return this.#window.bytes >= this.#maxBuffered || this.#window.unsentBytes >= READY;
  }

  /** Resolves when there is room. */
  async ready() {
    while (this.needDrain) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake() {
    if (this.#waiting.length === 0 || this.needDrain) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

module.exports = { Writer };
