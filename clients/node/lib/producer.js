"use strict";
const { performance } = require("node:perf_hooks");
const { Child } = require("./child");
const { Credentials, findRegion } = require("./credentials");
const { ProducerError, putFailed } = require("./errors");
const { Flush } = require("./flush");
const { frame, putFrame } = require("./frames");
const { Outstanding, WRITE } = require("./outstanding");
const { MalformedError, encode } = require("./protobuf");
const { checkRecord } = require("./record");
const { parse } = require("./settings");

const DEFAULT_TTL = 30_000; // the KPL's recordTtl
const DEFAULT_MAX_BUFFERED = 64 << 20;
const CHILD_FACTOR = 4; // kplkit daemon gives a parent half of its own bound, and reckons more for a put than we do
const DEFAULT_HANG_TIMEOUT = 30_000;
const READY = 1 << 20; // ready() waits while the child has more than this still to read
const FLUSH_AGAIN = 500; // ms: a flush may overtake puts, and a new child has not seen it
const END_GRACE = 6000; // ms from the end of the child's input to SIGKILL; kplkit takes 4 s at most
const MAX_DEATHS = 8; // children in a row that stored nothing and lived less than LIVED: a crash loop
const LIVED = 10_000;
const BACKOFF = [100, 5000]; // ms before the third child, doubled for each later one

/** Puts records through a child process. index.d.ts describes what is public. */
class Producer {
  #options;
  #configuration;
  #command;
  #ttl;
  #maxBuffered;
  #log;

  #child;
  #credentials;
  #credentialsFrame;
  #deaths = 0; // in a row
  #restart; // timer
  #failure; // a ProducerError after which nothing goes on
  #started; // {resolve, reject} until the first child gave its first sign of life
  #ended; // called when the child ends while the producer closes
  #refusing = false;
  #closing; // close's promise

  #nextId = 1;
  #outstanding;
  #pumping = false; // a pump is on its way
  #flushAsked = false; // a flush frame has to follow the queue
  #flushes = new Set();
  #flushTimer;
  #waiting = []; // resolve functions of ready()
  #busy = 0; // starts, flushes and closes under way
  #alive = setInterval(() => {}, 2 ** 31 - 1).unref(); // the one thing that keeps the event loop alive
  #counts = { succeeded: 0, failed: 0, restarts: 0, ignored: 0 };

  /** Starts the child; resolves when it has taken its configuration and answered. */
  static async start(given = {}) {
    const producer = new Producer(parse(given));
    try {
      return await producer.#hold(() => producer.#start());
    } catch (error) {
      producer.#stop();
      throw error;
    }
  }

  constructor({ options, configuration }) {
    this.#options = options;
    this.#configuration = configuration;
    this.#ttl = options.recordTtl ?? DEFAULT_TTL;
    this.#maxBuffered = options.maxBuffered ?? DEFAULT_MAX_BUFFERED;
    this.#outstanding = new Outstanding(this.#maxBuffered, this.#ttl, (put) => this.#reject(put, this.#expired(put)));
    this.#log = logger(options.log);
  }

  async #start() {
    const options = this.#options;
    const configuration = this.#configuration;
    configuration.region = options.region || (await findRegion(options.profile));
    if (!configuration.region) {
      throw new ProducerError("BAD_SETTING", "no region: give the option region, set AWS_REGION, or add a region to the profile in ~/.aws/config");
    }
    // What a file or the environment says is checked as an option is.
    parse({ region: configuration.region });
    if (options.credentials !== "child") {
      this.#credentials = new Credentials(options.credentials, options.profile, (c) => this.#takeCredentials(c), this.#log);
      this.#takeCredentials(await this.#credentials.start());
    }
    this.#command = [...(options.command ?? ["kplkit", "daemon"]), ...childArguments(configuration, options, this.#maxBuffered)];
    const started = new Promise((resolve, reject) => (this.#started = { resolve, reject }));
    this.#spawn();
    await started;
    return this;
  }

  /** The process id of the child that runs now; undefined between two. */
  get pid() {
    return this.#child?.pid;
  }

  put(stream, partitionKey, data, options) {
    return new Promise((resolve, reject) => {
      const hashKey = checkRecord(stream, partitionKey, data, options?.explicitHashKey);
      if (this.#failure) throw again(this.#failure);
      if (this.#refusing) throw new ProducerError("CLOSED", "put after close: start another producer");
      const id = this.#nextId++;
      const bytes = putFrame(id, stream, partitionKey, hashKey, data);
      this.#add({ id, stream, bytes, resolve, reject });
    });
  }

  #add(put) {
    this.#outstanding.add(put);
    if (this.#outstanding.size === 1) this.#keepAlive();
    // Puts of one turn of the event loop are written together; a long turn is cut.
    if (this.#outstanding.unsentBytes >= WRITE) this.#pump();
    else this.#pumpSoon();
  }

  /** Whether a put now would wait for others: ready() waits until it would not. */
  get needDrain() {
    return this.#outstanding.bytes >= this.#maxBuffered || this.#outstanding.unsentBytes >= READY;
  }

  /** Resolves when there is room. Never rejects: it is put that says what is wrong. */
  async ready() {
    while (this.needDrain && !this.#failure) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  flush(options) {
    return this.#hold(() => this.#flush(options));
  }

  async #flush({ timeout, onProgress } = {}) {
    const flush = new Flush(this.#nextId, this.#outstanding.size, onProgress);
    this.#flushes.add(flush);
    if (flush.left === 0) this.#flushed(flush);
    else this.#askFlush();
    this.#flushTimer ??= setInterval(() => this.#flushTick(), FLUSH_AGAIN).unref();
    this.#stopFlushTimer();
    let timer;
    if (timeout !== undefined) timer = setTimeout(() => flush.finish(), timeout).unref();
    try {
      const result = await flush.done;
      if (flush.left === 0) return result;
      throw new ProducerError("TIMEOUT", `flush: ${flush.left} puts have no result after ${timeout} ms; they go on, and their promises settle by themselves`);
    } finally {
      clearTimeout(timer);
      this.#flushes.delete(flush);
      this.#stopFlushTimer();
    }
  }

  #flushed(flush) {
    this.#flushes.delete(flush);
    flush.finish();
  }

  #flushTick() {
    for (const flush of this.#flushes) flush.progress();
    this.#askFlush();
  }

  #askFlush() {
    this.#flushAsked = true;
    this.#pump();
  }

  #stopFlushTimer() {
    if (this.#flushes.size > 0) return;
    clearInterval(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#flushAsked = false;
  }

  close(options) {
    this.#closing ??= this.#hold(() => this.#close(options));
    return this.#closing;
  }

  async #close({ timeout } = {}) {
    this.#refusing = true;
    let error;
    try {
      await this.flush({ timeout });
    } catch (flushError) {
      error = new ProducerError("TIMEOUT", `close: ${this.#outstanding.size} puts had no result after ${timeout} ms and were given up`, { cause: flushError });
      this.#failAll("CLOSED", "the producer was closed before there was a result: the record may be stored all the same");
    }
    this.#credentials?.stop();
    clearTimeout(this.#restart);
    await this.#endChild();
    this.#stop();
    if (error) throw error;
  }

  /** Ends the child by the end of its input, and by force where that does not do. */
  async #endChild() {
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => (this.#ended = resolve));
    const force = setTimeout(() => child.kill("it did not end"), END_GRACE).unref();
    child.closeInput();
    await ended;
    clearTimeout(force);
  }

  #stop() {
    this.#credentials?.stop();
    clearTimeout(this.#restart);
    this.#outstanding.stop();
    clearInterval(this.#alive);
  }

  stats() {
    return {
      puts: this.#counts.succeeded + this.#counts.failed + this.#outstanding.size,
      ...this.#counts,
      resent: this.#outstanding.resent,
      outstanding: this.#outstanding.size,
      outstandingBytes: this.#outstanding.bytes,
    };
  }

  // The child.

  #spawn() {
    const child = new Child(this.#command, {
      hangTimeout: this.#options.hangTimeout ?? DEFAULT_HANG_TIMEOUT,
      log: this.#log,
      ask: () => child.write(frame({ id: this.#nextId++, metricsRequest: { name: "UserRecordsPut", seconds: 1 } })),
      on: {
        message: (message) => this.#message(message),
        drain: () => this.#pump(),
        end: (end) => this.#childEnded(child, end),
      },
    });
    this.#child = child;
    if (child.pid === undefined) return;
    if (this.#credentialsFrame) child.write(this.#credentialsFrame);
    child.watch();
    this.#pump();
  }

  #takeCredentials({ accessKeyId, secretAccessKey, sessionToken }) {
    const credentials = { akid: accessKeyId, secretKey: secretAccessKey, token: sessionToken || undefined };
    this.#credentialsFrame = Buffer.concat(
      [undefined, true].map((forMetrics) => frame({ id: this.#nextId++, setCredentials: { forMetrics, credentials } })),
    );
    if (this.#child?.pid !== undefined) this.#child.write(this.#credentialsFrame);
  }

  #childEnded(child, end) {
    this.#child = undefined;
    this.#outstanding.takeBack();
    this.#flushAsked = this.#outstanding.size > 0; // they have waited for others already
    if (this.#ended) return this.#ended();
    const lived = performance.now() - child.startedAt;
    this.#deaths = lived >= LIVED ? 1 : this.#deaths + 1;
    const fatal = this.#fatal(child, end);
    if (fatal) return this.#fail(fatal);
    const [first, most] = BACKOFF;
    const pause = this.#deaths === 1 ? 0 : Math.min(first * 2 ** (this.#deaths - 2), most);
    this.#log("warning", `${describe(child, end)}; it is started again${pause ? ` in ${pause} ms` : ""}, and ${this.#outstanding.size} outstanding puts are sent again`);
    this.#counts.restarts++;
    if (pause === 0) this.#spawn();
    else this.#restart = setTimeout(() => this.#spawn(), pause).unref();
  }

  /** The error after which no child is started any more, or undefined. */
  #fatal(child, end) {
    const what = describe(child, end);
    const words = end.lastWords ? `; its last words:\n${end.lastWords}` : "; it said nothing";
    // Once a child has answered, its settings are good: what the next one misses, such as the file in CA_FILE, may come back.
    if (end.code === 1 && this.#started) {
      return new ProducerError("BAD_SETTING", `${what}, which means that a setting is wrong${words}`);
    }
    if (end.error && this.#started) {
      return new ProducerError("NO_CHILD", `${what}: install kplkit, or give its path as the option command`, { cause: end.error });
    }
    if (end.why && this.#started) {
      return new ProducerError("NO_CHILD", `${what}: is the option command the right one?${words}`);
    }
    if (this.#deaths >= MAX_DEATHS) {
      return new ProducerError("CRASH_LOOP", `${this.#deaths} children in a row ended before they stored a record: ${what}${words}`);
    }
    return undefined;
  }

  #fail(error) {
    this.#failure = error;
    this.#started?.reject(error);
    this.#started = undefined;
    this.#failAll(error.code, error.message);
    this.#stop();
  }

  #failAll(code, message) {
    for (const put of this.#outstanding.all()) this.#reject(put, new ProducerError(code, `put into ${put.stream}: ${message}`));
    this.#wake();
  }

  // What the child says.

  #message({ sourceId, putRecordResult }) {
    this.#started?.resolve();
    this.#started = undefined;
    if (!putRecordResult) return;
    const put = this.#outstanding.sent(sourceId);
    if (!put) {
      this.#counts.ignored++; // a late or a second one, or nonsense
      return;
    }
    const { success, shardId, sequenceNumber, attempts = [] } = putRecordResult;
    // A child that was told to end, by somebody else, hands back what it did not send: that is for the next one.
    if (!success && attempts.at(-1)?.errorCode === "Shutdown") return;
    if (!success) return this.#reject(put, putFailed(put.stream, attempts));
    if (!shardId || !sequenceNumber) throw new MalformedError("success without a sequence number");
    this.#deaths = 0;
    this.#counts.succeeded++;
    this.#settled(put, false);
    put.resolve({ shardId, sequenceNumber, attempts });
  }

  #reject(put, error) {
    this.#counts.failed++;
    this.#settled(put, true);
    put.reject(error);
  }

  #settled(put, failed) {
    this.#outstanding.remove(put);
    for (const flush of this.#flushes) if (flush.settled(put.id, failed)) this.#flushed(flush);
    if (this.#outstanding.size === 0) this.#keepAlive();
    this.#pumpSoon();
  }

  // What goes to the child.

  #pumpSoon() {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => this.#pump());
  }

  /** Writes what the child takes now: the queue within the window, then a flush that was asked for. */
  #pump() {
    this.#pumping = false;
    const child = this.#child;
    while (child && child.pid !== undefined && !child.blocked) {
      const batch = this.#outstanding.next(child);
      if (batch.length === 0) break;
      child.write(batch.length === 1 ? batch[0] : Buffer.concat(batch));
    }
    if (this.#flushAsked && child && child.pid !== undefined && !child.blocked) {
      this.#flushAsked = false;
      child.write(frame({ id: this.#nextId++, flush: {} }));
    }
    this.#wake();
  }

  #wake() {
    if (this.#waiting.length === 0 || (this.needDrain && !this.#failure)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #expired(put) {
    const where = put.sentTo
      ? "the child has sent no result: it may be stored all the same"
      : "it waited for room (maxBuffered) or for a child: put less at a time, or await ready() before each put";
    return new ProducerError("EXPIRED", `put into ${put.stream} has no result within recordTtl (${this.#ttl} ms): ${where}`);
  }

  // The event loop is kept alive while something is outstanding or under way, and only then.

  async #hold(fn) {
    this.#busy++;
    this.#keepAlive();
    try {
      return await fn();
    } finally {
      this.#busy--;
      this.#keepAlive();
    }
  }

  #keepAlive() {
    if (this.#busy > 0 || this.#outstanding.size > 0) this.#alive.ref();
    else this.#alive.unref();
  }
}

function childArguments(configuration, { credentials, log }, maxBuffered) {
  const level = configuration.logLevel ?? (log ? "info" : "warning");
  const message = encode("Message", { id: 0, configuration });
  const words = ["-i", "-", "-o", "-", "-c", message.toString("hex").toUpperCase(), "-l", level];
  if (credentials === "child") words.push("--default-credentials");
  // The child's own bound must be above ours: at it the child reads no more, and could not even say that it lives.
  if (maxBuffered > DEFAULT_MAX_BUFFERED) words.push("--max-buffered", `${maxBuffered * CHILD_FACTOR}`);
  return words;
}

/** "the child (123, kplkit) was ended by SIGKILL", with why where it was us. */
function describe(child, { code, signal, why, error }) {
  const name = `the child${child.pid === undefined ? "" : ` (process ${child.pid})`}`;
  if (error) return `${name} could not be started: ${error.message}`;
  if (why) return `${name} was ended since ${why}`;
  return signal ? `${name} was ended by ${signal}` : `${name} ended with exit code ${code}`;
}

/** A producer that failed says the same at each later put. */
function again(failure) {
  return new ProducerError(failure.code, `${failure.message}\nNothing goes on after this: start another producer.`, { cause: failure });
}

/** The function that gets (level, message): the caller's, whose errors change nothing here, or console.warn from warnings on. */
function logger(log) {
  return (level, message) => {
    try {
      if (log) log(level, message);
      else if (level === "warning" || level === "error") console.warn(`kplkit: ${message}`);
    } catch {
      // A fault of a log function must not cost records.
    }
  };
}

module.exports = { Producer };
