"use strict";
// Keeps a child running: its start, the first frames, when it is started again, and when no more.
const { performance } = require("node:perf_hooks");
const { Child } = require("./child");
const { Credentials } = require("./credentials");
const { ProducerError } = require("./errors");
const { frame } = require("./frames");

const HANG_TIMEOUT = 30_000;
const END_GRACE = 6000; // ms from the end of the child's input to SIGKILL; kplkit takes 4 s at most
const MAX_DEATHS = 8; // children in a row that stored nothing and lived less than LIVED: a crash loop
const LIVED = 10_000;
const BACKOFF = [100, 5000]; // ms before the third child, doubled for each later one

// What helps where a command can't be started.
const advice = {
  ENOENT: ": install kplkit, or give its path as the option command",
  EACCES: ": is the option command a program, and may this user run it (chmod +x)?",
};

/**
 * Starts the child, and starts it again when it has ended. It calls:
 *   on.result(id, result), which returns whether a record was stored; it may throw a MalformedError;
 *   on.fail(error) when no child is started any more.
 */
class Supervisor {
  restarts = 0;
  failure; // a ProducerError after which nothing goes on
  #window;
  #writer;
  #hangTimeout;
  #log;
  #on;

  #command;
  #child;
  #credentials;
  #credentialsFrame;
  #deaths = 0; // in a row
  #restart; // timer
  #started; // {resolve, reject} until the first child gave its first sign of life
  #ended; // called when the child ends while the producer closes

  constructor({ window, writer, hangTimeout = HANG_TIMEOUT, log, on }) {
    this.#window = window;
    this.#writer = writer;
    this.#hangTimeout = hangTimeout;
    this.#log = log;
    this.#on = on;
  }

  /** The process id of the child that runs now; undefined between two. */
  get pid() {
    return this.#child?.pid;
  }

  /** Finds the credentials, unless that is the child's task. Each child gets them in its first frames. */
  async findCredentials({ credentials, profile }) {
    if (credentials === "child") return;
    this.#credentials = new Credentials(credentials, profile, (c) => this.#takeCredentials(c), this.#log);
    this.#takeCredentials(await this.#credentials.start());
  }

  /** Starts the first child; resolves when it has taken its configuration and answered. */
  start(command) {
    this.#command = command;
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#spawn();
    });
  }

  /** Starts no further child. */
  stop() {
    this.#credentials?.stop();
    clearTimeout(this.#restart);
  }

  /** Ends the child by the end of its input, and by force where that does not do. */
  async end() {
    this.stop();
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => (this.#ended = resolve));
    const force = setTimeout(() => child.kill("it did not end"), END_GRACE).unref();
    child.closeInput();
    await ended;
    clearTimeout(force);
  }

  #spawn() {
    const child = new Child(this.#command, {
      hangTimeout: this.#hangTimeout,
      log: this.#log,
      ask: () => child.write(this.#frame({ metricsRequest: { name: "UserRecordsPut", seconds: 1 } })),
      on: {
        message: (message) => this.#message(message),
        drain: () => this.#writer.pump(),
        end: (end) => this.#childEnded(child, end),
      },
    });
    this.#child = child;
    if (child.pid === undefined) return;
    if (this.#credentialsFrame) child.write(this.#credentialsFrame);
    child.watch();
    this.#writer.begin(child);
  }

  #frame(message) {
    return frame({ id: this.#window.nextId++, ...message });
  }

  #takeCredentials({ accessKeyId, secretAccessKey, sessionToken }) {
    const credentials = { akid: accessKeyId, secretKey: secretAccessKey, token: sessionToken || undefined };
    this.#credentialsFrame = Buffer.concat([undefined, true].map((forMetrics) => this.#frame({ setCredentials: { forMetrics, credentials } })));
    if (this.#child?.pid !== undefined) this.#child.write(this.#credentialsFrame);
  }

  #message({ sourceId, putRecordResult }) {
    this.#started?.resolve();
    this.#started = undefined;
    if (putRecordResult && this.#on.result(sourceId, putRecordResult)) this.#deaths = 0;
  }

  #childEnded(child, end) {
    this.#child = undefined;
    this.#writer.end();
    if (this.#ended) return this.#ended();
    const lived = performance.now() - child.startedAt;
    this.#deaths = lived >= LIVED ? 1 : this.#deaths + 1;
    const fatal = this.#fatal(child, end);
    if (fatal) return this.#fail(fatal);
    const [first, most] = BACKOFF;
    const pause = this.#deaths === 1 ? 0 : Math.min(first * 2 ** (this.#deaths - 2), most);
    this.#log("warning", `${describe(child, end)}; it is started again${pause ? ` in ${pause} ms` : ""}, and ${this.#window.size} outstanding puts are sent again`);
    this.restarts++;
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
      return new ProducerError("NO_CHILD", `${what}${advice[end.error.code] ?? ""}`, { cause: end.error });
    }
    if (end.why && this.#started) {
      return new ProducerError("NO_CHILD", `${what}: is the option command the right one?${words}`);
    }
    if (this.#deaths >= MAX_DEATHS) {
      const hint = this.#started ? "; none of them said a word: is the option command the right program, built for this system and processor?" : "";
      return new ProducerError("CRASH_LOOP", `${this.#deaths} children in a row ended before they stored a record: ${what}${hint}${words}`);
    }
    return undefined;
  }

  #fail(error) {
    this.failure = error;
    this.#started?.reject(error);
    this.#started = undefined;
    this.stop();
    this.#on.fail(error);
  }
}

/** "the child (123, kplkit) was ended by SIGKILL", with why where it was us. */
function describe(child, { code, signal, why, error }) {
  const name = `the child${child.pid === undefined ? "" : ` (process ${child.pid})`}`;
  if (error) return `${name} could not be started: ${error.message}`;
  if (why) return `${name} was ended since ${why}`;
  return signal ? `${name} was ended by ${signal}` : `${name} ended with exit code ${code}`;
}

module.exports = { Supervisor };
