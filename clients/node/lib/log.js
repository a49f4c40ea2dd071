"use strict";
// What a child logs, records between ++++ and ----, as the KPL's, and plain lines, and where that goes.

const KEEP = 10; // last messages, for the error that quotes them
const LONGEST = 16 << 10; // of one message; the rest of it is dropped

const levels = { trace: "debug", debug: "debug", info: "info", warn: "warning", warning: "warning", error: "error", fatal: "error" };
const levelPattern = /\[(trace|debug|info|warn|warning|error|fatal)\]|\blevel=(debug|info|warn|error)\b/i;

/** Cuts a child's stderr into messages, and calls log(level, message) for each. */
class Stderr {
  #log;
  #rest = "";
  #record; // lines since ++++; undefined outside of a record
  #last = [];

  constructor(log) {
    this.#log = log;
  }

  push(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop().slice(0, LONGEST);
    for (const line of lines) this.#line(line.trimEnd());
  }

  /** Takes what came without an end of line. */
  end() {
    if (this.#rest) this.#line(this.#rest);
    this.#rest = "";
    this.#endRecord();
  }

  /** The last messages as one text; "" if there was none. */
  lastWords() {
    return this.#last.join("\n");
  }

  #line(line) {
    if (line === "++++") {
      this.#endRecord();
      this.#record = "";
    } else if (line === "----") {
      this.#endRecord();
    } else if (this.#record !== undefined) {
      this.#record = `${this.#record}${this.#record && "\n"}${line}`.slice(0, LONGEST);
    } else if (line) {
      this.#message(line);
    }
  }

  #endRecord() {
    if (this.#record) this.#message(this.#record);
    this.#record = undefined;
  }

  #message(message) {
    const found = levelPattern.exec(message);
    const level = levels[(found?.[1] ?? found?.[2] ?? "warn").toLowerCase()];
    this.#last.push(message);
    if (this.#last.length > KEEP) this.#last.shift();
    this.#log(level, message);
  }
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

module.exports = { Stderr, logger };
