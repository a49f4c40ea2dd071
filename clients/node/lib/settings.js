"use strict";
// The KPL's settings by the Java wrapper's names, with the limits that its native binary has.
const { inspect } = require("node:util");
const { ProducerError } = require("./errors");
const { encode } = require("./protobuf");

const DEFAULT_MAX_BUFFERED = 64 << 20;
const CHILD_FACTOR = 4; // kplkit daemon gives a parent half of its own bound, and reckons more for a put than we do

const any = Number.MAX_SAFE_INTEGER; // where the KPL takes any number: JavaScript's last exact one
const number = (min, max) => ({ min, max });
const text = (pattern) => ({ pattern: new RegExp(`^(?:${pattern})$`), want: `a text that matches ${pattern}` });
const kind = (want, is) => ({ want, is });
const flag = kind("true or false", (v) => typeof v === "boolean");

const host = "([A-Za-z0-9.-]+)?";
const limits = {
  aggregationEnabled: flag,
  aggregationMaxCount: number(1, any),
  aggregationMaxSize: number(64, 10485760),
  cloudwatchEndpoint: text(host),
  cloudwatchPort: number(1, 65535),
  collectionMaxCount: number(1, 500),
  collectionMaxSize: number(52224, any),
  connectTimeout: number(100, 300000),
  enableCoreDumps: flag,
  failIfThrottled: flag,
  kinesisEndpoint: text(`${host}|https?://.+`),
  kinesisPort: number(1, 65535),
  logLevel: text("trace|debug|info|warning|error"),
  maxConnections: number(1, 256),
  metricsGranularity: text("global|stream|shard"),
  metricsLevel: text("none|summary|detailed"),
  metricsNamespace: text("(?!AWS/).{1,255}"),
  metricsUploadDelay: number(1, 60000),
  minConnections: number(1, 16),
  rateLimit: number(1, any),
  recordMaxBufferedTime: number(0, any),
  recordTtl: number(100, any),
  region: text("([a-z]+-([a-z]+-)?[a-z]+-[0-9])?"),
  requestTimeout: number(100, 600000),
  verifyCertificate: flag,
  proxyHost: text(".*"),
  proxyPort: number(1, 65535),
  proxyUserName: text(".*"),
  proxyPassword: { ...text(".*"), secret: true },
  threadingModel: text("PER_REQUEST|POOLED"),
  threadPoolSize: number(0, 4294967295),
  additionalMetricDims: kind("an array of {key, value, granularity}", Array.isArray),
};

// The options that are ours, by their limits; index.d.ts says what they mean.
const own = {
  command: kind('an array of texts like ["kplkit", "daemon"]', (v) => Array.isArray(v) && v.length > 0 && v.every((word) => typeof word === "string")),
  endpoint: text("https?://[^/?#]+/?"),
  credentials: {
    ...kind('{accessKeyId, secretAccessKey, …}, a function that returns that, or "child"', (v) => v === "child" || (v !== null && /object|function/.test(typeof v))),
    secret: true,
  },
  profile: text(".+"),
  maxBuffered: number(2 << 20, 250 << 20), // kplkit daemon holds 1000 MiB at most, and has to hold four times as much
  hangTimeout: number(1000, 3600000),
  log: kind("a function (level, message) => …", (v) => typeof v === "function"),
};

function check(name, value, limit) {
  const want = fault(value, limit);
  if (want === undefined) return;
  throw new ProducerError("BAD_SETTING", `setting ${name} is ${limit.secret ? "wrong" : inspect(value)}, want ${want}`);
}

/** Returns what a value should be, or undefined if it is that. */
function fault(value, limit) {
  if (limit.is) return limit.is(value) ? undefined : limit.want;
  if (limit.pattern) return typeof value === "string" && limit.pattern.test(value) ? undefined : limit.want;
  const fits = Number.isInteger(value) && value >= limit.min && value <= limit.max;
  return fits ? undefined : `a whole number from ${limit.min} to ${limit.max}`;
}

function checkDims(dims) {
  dims.forEach((dim, i) => {
    const at = `additionalMetricDims[${i}]`;
    check(`${at}.key`, dim?.key, text(".+"));
    check(`${at}.value`, dim?.value, text(".+"));
    check(`${at}.granularity`, dim?.granularity, limits.metricsGranularity);
  });
}

/** The error for a name that is no setting, with the one that was probably meant. */
function unknown(name) {
  const plain = (s) => s.toLowerCase().replaceAll(/[^a-z]/g, "");
  const meant = [...Object.keys(limits), ...Object.keys(own)].find((known) => plain(known) === plain(name));
  const hint = meant ? `: did you mean ${meant}?` : ": see index.d.ts for the settings";
  return new ProducerError("BAD_SETTING", `there is no setting ${name}${hint}`);
}

/**
 * Checks the options of Producer.start. Returns `options`, without those that are undefined, and `configuration`, the
 * KPL's settings among them for the message to the child. Throws a ProducerError that names the setting and its limits.
 */
function parse(given) {
  const options = { command: ["kplkit", "daemon"], maxBuffered: DEFAULT_MAX_BUFFERED };
  const configuration = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const isKPL = Object.hasOwn(limits, name);
    if (!isKPL && !Object.hasOwn(own, name)) throw unknown(name);
    check(name, value, isKPL ? limits[name] : own[name]);
    options[name] = value;
    if (isKPL) configuration[name] = value;
  }
  if (options.additionalMetricDims) checkDims(options.additionalMetricDims);
  if (options.endpoint !== undefined) {
    if (options.kinesisEndpoint) {
      throw new ProducerError("BAD_SETTING", "settings endpoint and kinesisEndpoint mean the same: give one of them");
    }
    configuration.kinesisEndpoint = options.endpoint;
  }
  if (configuration.threadingModel !== undefined) {
    configuration.threadingModel = configuration.threadingModel === "POOLED" ? 1 : 0;
  }
  return { options, configuration };
}

/** Whether a URL, or a host name, leads to this machine. */
function isLocal(endpoint = "") {
  const { hostname } = new URL(/^https?:/.test(endpoint) ? endpoint : `https://${endpoint || "none"}`);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.[0-9.]+$/.test(hostname);
}

/** Checks the timeout of flush and close; undefined is none. Returns what setTimeout takes: a longer one would be 1 ms there. */
function checkTimeout(timeout) {
  if (timeout === undefined) return undefined;
  if (typeof timeout === "number" && timeout >= 0) return Math.min(timeout, 2 ** 31 - 1);
  throw new ProducerError("BAD_SETTING", `timeout is ${inspect(timeout)}, want milliseconds, 0 or more`);
}

/** The arguments that a child gets after its command, with all settings for it. */
function childArguments(configuration, { credentials, log, maxBuffered }) {
  const level = configuration.logLevel ?? (log ? "info" : "warning");
  const message = encode("Message", { id: 0, configuration });
  const words = ["-i", "-", "-o", "-", "-c", message.toString("hex").toUpperCase(), "-l", level];
  if (credentials === "child") words.push("--default-credentials");
  // The child's own bound must be above ours: at it the child reads no more, and could not even say that it lives.
  if (maxBuffered > DEFAULT_MAX_BUFFERED) words.push("--max-buffered", `${maxBuffered * CHILD_FACTOR}`);
  return words;
}

module.exports = { checkTimeout, childArguments, isLocal, limits, parse };
