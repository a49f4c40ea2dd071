"use strict";
// One run of the child process: from its start to its end, whatever ends it.
const { spawn } = require("node:child_process");
const { performance } = require("node:perf_hooks");
const { StringDecoder } = require("node:string_decoder");
const { MalformedError, decode } = require("./protobuf");
const { FrameReader } = require("./frames");
const { Stderr } = require("./log");

const STREAMS_AFTER_EXIT = 500; // ms to read what a child wrote before it ended
const GOING = 1000; // ms that a child may live on after it closed a stream

/**
 * A running child. It calls, in this order and never again after the last:
 *   on.message(message) for each frame; on.drain() when it takes bytes again after write returned false;
 *   on.end({code, signal, why, error, lastWords}) once. `why` is why we ended it, `error` that of a failed start.
 * Nothing of it keeps the event loop alive.
 */
class Child {
  pid;
  blocked = false; // write returned false, and no drain yet
  startedAt = performance.now();
  #on;
  #process;
  #stderr;
  #exit; // {code, signal} once it is known
  #why;
  #ended = false;
  #timers = new Set();
  #ask;
  #hangTimeout;
  #lastFrame = performance.now();
  #lookedAt = performance.now();
  #openSince; // when the open request for a sign of life was sent

  /** ask() writes a request that every living child answers with a frame. */
  constructor(command, { on, log, hangTimeout, ask }) {
    this.#on = on;
    this.#ask = ask;
    this.#hangTimeout = hangTimeout;
    this.#stderr = new Stderr(log);
    try {
      // A process group of its own: Ctrl-C reaches the program, which closes the producer, and not the child before it.
      const detached = process.platform !== "win32";
      this.#process = spawn(command[0], command.slice(1), { detached, windowsHide: true, stdio: ["pipe", "pipe", "pipe"] });
    } catch (error) {
      setImmediate(() => this.#end({ error }));
      return;
    }
    this.pid = this.#process.pid;
    this.#listen();
  }

  #listen() {
    const { stdin, stdout, stderr } = this.#process;
    this.#process.on("error", (error) => this.pid === undefined && this.#end({ error }));
    this.#process.on("exit", (code, signal) => {
      this.#exit = { code, signal };
      this.#later(STREAMS_AFTER_EXIT, () => this.#end(this.#exit)); // something else may hold its streams open
    });
    this.#process.on("close", (code, signal) => this.#end(this.#exit ?? { code, signal }));
    this.#process.unref();
    for (const stream of [stdin, stdout, stderr]) stream?.unref?.();
    if (this.pid === undefined) return;

    stdin.on("error", () => this.#later(GOING, () => this.kill("it closed its input")));
    stdin.on("drain", () => {
      this.blocked = false;
      if (!this.#ended) this.#on.drain();
    });
    const reader = new FrameReader((bytes) => this.#frame(bytes));
    stdout.on("data", (chunk) => this.#read(reader, chunk));
    stdout.on("error", () => {});
    stdout.on("end", () => this.#later(GOING, () => this.kill("it closed its output")));
    const utf8 = new StringDecoder("utf8");
    stderr.on("data", (chunk) => this.#stderr.push(utf8.write(chunk)));
    stderr.on("error", () => {});
    this.#timers.add(setInterval(() => this.#look(), this.#hangTimeout / 4).unref());
  }

  /** Writes bytes. false: write no more before on.drain. */
  write(bytes) {
    if (this.#ended || !this.#process.stdin.writable) return false;
    this.blocked = !this.#process.stdin.write(bytes);
    return !this.blocked;
  }

  /** Asks for a sign of life; the child is ended if none comes for hangTimeout. */
  watch() {
    this.#openSince = performance.now();
    this.#ask();
  }

  /** Ends its input, which is how a child is told to end. */
  closeInput() {
    this.#process?.stdin?.end();
  }

  /** Ends it at once, with all that it started. */
  kill(why) {
    if (this.#exit || this.#ended || this.pid === undefined) return;
    this.#why ??= why;
    try {
      process.kill(process.platform === "win32" ? this.pid : -this.pid, "SIGKILL");
    } catch {
      this.#process.kill("SIGKILL");
    }
  }

  #read(reader, chunk) {
    if (this.#ended || this.#why) return;
    this.#lastFrame = performance.now();
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.kill(`its output is not the protocol: ${error.message}`);
    }
  }

  #frame(bytes) {
    const message = decode("Message", bytes);
    this.#openSince = undefined;
    this.#on.message(message);
  }

  #look() {
    const now = performance.now();
    const stoodStill = now - this.#lookedAt > this.#hangTimeout / 2;
    this.#lookedAt = now;
    if (this.#openSince === undefined) {
      if (now - this.#lastFrame >= this.#hangTimeout / 4) this.watch();
    } else if (stoodStill) {
      this.#openSince = now; // this program did not run, or was busy: the child may have answered long ago
    } else if (now - this.#openSince >= this.#hangTimeout) {
      // What lies in the pipe is read first.
      const open = this.#openSince;
      setImmediate(() => {
        if (this.#openSince === open) this.kill(`it gave no sign of life for ${this.#hangTimeout / 1000} s`);
      });
    }
  }

  #later(ms, fn) {
    this.#timers.add(setTimeout(fn, ms).unref());
  }

  #end({ code = null, signal = null, error }) {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const stream of this.#process?.stdio ?? []) stream?.destroy();
    this.#stderr.end();
    this.#on.end({ code, signal, error, why: this.#why, lastWords: this.#stderr.lastWords() });
  }
}

module.exports = { Child };
