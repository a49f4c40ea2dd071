"use strict";
// What the user calls. supervisor.js keeps the child running, writer.js feeds it, window.js has the puts without a result.
const { findEndpoint, findRegion } = require("./credentials");
const { ProducerError, again, putExpired, putFailed } = require("./errors");
const { Flushes } = require("./flush");
const { putFrame } = require("./frames");
const { MalformedError } = require("./protobuf");
const { checkRecord } = require("./record");
const { checkTimeout, childArguments, isLocal, parse } = require("./settings");
const { logger } = require("./log");
const { Supervisor } = require("./supervisor");
const { Window } = require("./window");
const { Writer } = require("./writer");

const DEFAULT_TTL = 30_000; // the KPL's recordTtl

/** Puts records through a child process. index.d.ts describes what is public. */
class Producer {
  #options;
  #configuration;
  #window;
  #writer;
  #flushes;
  #supervisor;
  #refusing = false;
  #closing; // close's promise
  #busy = 0; // starts, flushes and closes under way
  #alive = setInterval(() => {}, 2 ** 31 - 1).unref(); // the one thing that keeps the event loop alive
  #counts = { succeeded: 0, failed: 0, ignored: 0 };

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
    const ttl = options.recordTtl ?? DEFAULT_TTL;
    this.#window = new Window(options.maxBuffered, ttl, (put) => this.#reject(put, putExpired(put, ttl)));
    this.#writer = new Writer(this.#window, options.maxBuffered);
    this.#flushes = new Flushes(this.#window, this.#writer);
    this.#supervisor = new Supervisor({
      window: this.#window,
      writer: this.#writer,
      hangTimeout: options.hangTimeout,
      log: logger(options.log),
      on: {
        result: (id, result) => this.#result(id, result),
        fail: (error) => {
          this.#failAll(error.code, error.message);
          this.#stop();
        },
      },
    });
  }

  async #start() {
    const options = this.#options;
    const configuration = this.#configuration;
    configuration.region = options.region || (await findRegion(options.profile));
    if (!configuration.region) {
      throw new ProducerError("BAD_SETTING", "no region: give the option region, set AWS_REGION, or add a region to the profile in ~/.aws/config");
    }
    // What a file or the environment says is checked as an option is.
    if (!configuration.kinesisEndpoint) configuration.kinesisEndpoint = findEndpoint();
    const { region, kinesisEndpoint } = configuration;
    parse({ region, kinesisEndpoint });
    if (kinesisEndpoint === undefined) delete configuration.kinesisEndpoint;
    if (isLocal(kinesisEndpoint) && !configuration.cloudwatchEndpoint) configuration.metricsLevel ??= "none";
    await this.#supervisor.findCredentials(options);
    await this.#supervisor.start([...options.command, ...childArguments(configuration, options)]);
    return this;
  }

  get pid() {
    return this.#supervisor.pid;
  }

  put(stream, partitionKey, data, options) {
    return new Promise((resolve, reject) => {
      const hashKey = checkRecord(stream, partitionKey, data, options?.explicitHashKey);
      const { failure } = this.#supervisor;
      if (failure) throw again(failure);
      if (this.#refusing) throw new ProducerError("CLOSED", "put after close: start another producer");
      const id = this.#window.nextId++;
      const bytes = putFrame(id, stream, partitionKey, hashKey, data);
      this.#window.add({ id, stream, bytes, resolve, reject });
      if (this.#window.size === 1) this.#keepAlive();
      this.#writer.added();
    });
  }

  get needDrain() {
    return this.#writer.needDrain;
  }

  /** Never rejects: it is put that says what is wrong. */
  ready() {
    return this.#writer.ready();
  }

  flush(options) {
    return this.#hold(() => this.#flushes.flush(options));
  }

  close(options) {
    try {
      checkTimeout(options?.timeout);
    } catch (error) {
      return Promise.reject(error); // and nothing is closed
    }
    this.#closing ??= this.#hold(() => this.#close(options));
    return this.#closing;
  }

  async #close({ timeout } = {}) {
    this.#refusing = true;
    let error;
    try {
      await this.flush({ timeout });
    } catch (flushError) {
      error = new ProducerError("TIMEOUT", `close: ${this.#window.size} puts had no result after ${timeout} ms and were given up`, { cause: flushError });
      this.#failAll("CLOSED", "the producer was closed before there was a result: the record may be stored all the same");
    }
    await this.#supervisor.end();
    this.#stop();
    if (error) throw error;
  }

  #stop() {
    this.#supervisor.stop();
    this.#window.stop();
    clearInterval(this.#alive);
  }

  stats() {
    const { succeeded, failed, ignored } = this.#counts;
    const { size: outstanding, bytes: outstandingBytes, resent } = this.#window;
    const puts = succeeded + failed + outstanding;
    return { puts, succeeded, failed, restarts: this.#supervisor.restarts, ignored, resent, outstanding, outstandingBytes };
  }

  // Results.

  /** Takes what the child says of a put. Returns whether its record was stored. */
  #result(id, { success, shardId, sequenceNumber, attempts = [] }) {
    const put = this.#window.sent(id);
    if (!put) {
      this.#counts.ignored++; // a late or a second one, or nonsense
      return false;
    }
    // A child that was told to end, by somebody else, hands back what it did not send: that is for the next one.
    if (!success && attempts.at(-1)?.errorCode === "Shutdown") return false;
    if (!success) {
      this.#reject(put, putFailed(put.stream, attempts));
      return false;
    }
    if (!shardId || !sequenceNumber) throw new MalformedError("success without a sequence number");
    this.#counts.succeeded++;
    this.#settled(put, false);
    put.resolve({ shardId, sequenceNumber, attempts });
    return true;
  }

  #reject(put, error) {
    this.#counts.failed++;
    this.#settled(put, true);
    put.reject(error);
  }

  #settled(put, failed) {
    this.#window.remove(put);
    this.#flushes.settled(put.id, failed);
    if (this.#window.size === 0) this.#keepAlive();
    this.#writer.pumpSoon();
  }

  #failAll(code, message) {
    for (const put of this.#window.all()) this.#reject(put, new ProducerError(code, `put into ${put.stream}: ${message}`));
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
    if (this.#busy > 0 || this.#window.size > 0) this.#alive.ref();
    else this.#alive.unref();
  }
}

module.exports = { Producer };
