"use strict";
// Where credentials come from: the option, the environment, or the files of the AWS tools.
const fs = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { ProducerError } = require("./errors");

const EARLY = 5 * 60_000; // a function is asked again so long before what it gave expires
const REREAD = 60_000; // files are read again after this, since other programs renew what is in them
const DEADLINE = 60_000; // for a function's answer
const RETRY = [1_000, 60_000]; // waits between tries while a function fails

const way = "give the option credentials: {accessKeyId, secretAccessKey, sessionToken}, or an async function that " +
  "returns that with an expiration, such as fromNodeProviderChain() of @aws-sdk/credential-providers, or \"child\": kplkit then " +
  "looks where AWS's tools do, the machine's role included";

function file(variable, name) {
  return process.env[variable] || path.join(os.homedir(), ".aws", name);
}

/** Reads a file of the AWS tools into a map from its section to its keys. A file that is not there is empty. */
async function readSections(name) {
  let content;
  try {
    content = await fs.readFile(name, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return new Map();
    throw new ProducerError("NO_CREDENTIALS", `cannot read ${name}: ${error.message}`, { cause: error });
  }
  const sections = new Map();
  let section;
  for (const line of content.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\s*\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/.exec(line);
    if (header) {
      section = sections.get(header[1]) ?? {};
      sections.set(header[1], section);
      continue;
    }
    // An indented line belongs to a nested value, such as s3's, of which none matters here.
    const pair = /^([^\s=][^=]*?)\s*=\s*(.*?)(\s+[#;].*)?\s*$/.exec(line);
    if (pair && section) section[pair[1].toLowerCase()] = pair[2];
  }
  return sections;
}

/** Returns the keys of a profile: those of both files, where credentials' win. undefined if neither has it. */
async function readProfile(name) {
  const [config, credentials] = await Promise.all([
    readSections(file("AWS_CONFIG_FILE", "config")),
    readSections(file("AWS_SHARED_CREDENTIALS_FILE", "credentials")),
  ]);
  if (!config.has(name) && !credentials.has(name)) return undefined;
  return { ...config.get(name), ...credentials.get(name) };
}

const profileName = (profile) => profile ?? (process.env.AWS_PROFILE || "default");

/** The URL of Kinesis that the environment has for AWS's SDKs; undefined if there is none. */
function findEndpoint() {
  const { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: ignore, AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL } = process.env;
  return ignore?.toLowerCase() === "true" ? undefined : AWS_ENDPOINT_URL_KINESIS || AWS_ENDPOINT_URL || undefined;
}

/** The region of the environment or of the profile; undefined if there is none. */
async function findRegion(profile) {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return AWS_REGION || AWS_DEFAULT_REGION || (await readProfile(profileName(profile)))?.region || undefined;
}

function fromEnvironment() {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return undefined;
  return { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken: AWS_SESSION_TOKEN };
}

const unread = ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];

async function fromFiles(name) {
  const keys = await readProfile(name);
  if (keys?.aws_access_key_id && keys.aws_secret_access_key) {
    return {
      accessKeyId: keys.aws_access_key_id,
      secretAccessKey: keys.aws_secret_access_key,
      sessionToken: keys.aws_session_token,
    };
  }
  const other = unread.find((key) => keys?.[key]);
  const found = other
    ? `profile ${name} has ${other}, which is not read here`
    : `no credentials in the environment nor in profile ${name} of ~/.aws (container, instance and SSO credentials are not looked for)`;
  throw new ProducerError("NO_CREDENTIALS", `${found}: ${way}`);
}

/** Asks a function, with a deadline: one that never answers must not stop a start for ever. */
async function ask(fn) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DEADLINE / 1000} s`)), DEADLINE);
    timer.unref();
  });
  try {
    return await Promise.race([fn(), late]);
  } catch (error) {
    throw new ProducerError("NO_CREDENTIALS", `the function credentials failed: ${error?.message ?? error}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function checked(c) {
  if (typeof c?.accessKeyId === "string" && c.accessKeyId && typeof c.secretAccessKey === "string" && c.secretAccessKey) return c;
  throw new ProducerError("NO_CREDENTIALS", `credentials without accessKeyId or secretAccessKey: ${way}`);
}

/** How long to wait with what expires: until EARLY before it, but half of what is left where that is little. */
function pauseBefore({ expiration }) {
  if (!expiration) return Infinity;
  const left = new Date(expiration).getTime() - Date.now();
  return Math.max(left - EARLY, left / 2);
}

/**
 * Keeps credentials fresh. start() gives the first ones; onChange gets each later one that differs. Where renewing
 * fails, the old ones stay, log says so, and it is tried again.
 */
class Credentials {
  #fetch;
  #pause; // milliseconds until the next look, of what was fetched last
  #timer;
  #last;
  #failures = 0;
  #stopped = false;
  #onChange;
  #log;

  constructor(given, profile, onChange, log) {
    this.#onChange = onChange;
    this.#log = log;
    if (typeof given === "function") {
      this.#fetch = () => ask(given);
      this.#pause = pauseBefore;
    } else if (given !== undefined) {
      this.#fetch = async () => given;
      this.#pause = () => Infinity;
    } else {
      // A profile that the caller names wins over the environment, as it does in the AWS tools.
      this.#fetch = async () => (profile === undefined && fromEnvironment()) || fromFiles(profileName(profile));
      this.#pause = () => REREAD;
    }
  }

  async start() {
    this.#last = checked(await this.#fetch());
    this.#schedule(this.#pause(this.#last));
    return this.#last;
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(pause) {
    if (this.#stopped || !(pause < Infinity)) return;
    // At least a second: a function that keeps returning old ones must not be asked without a pause.
    const wait = Math.min(Math.max(pause, RETRY[0]), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#renew(), wait).unref();
  }

  async #renew() {
    try {
      const next = checked(await this.#fetch());
      const changed = ["accessKeyId", "secretAccessKey", "sessionToken"].some((key) => next[key] !== this.#last[key]);
      this.#last = next;
      this.#failures = 0;
      if (changed && !this.#stopped) this.#onChange(next);
      this.#schedule(this.#pause(next));
    } catch (error) {
      this.#log("warning", `credentials could not be renewed, the old ones stay in use: ${error.message}`);
      this.#schedule(Math.min(RETRY[0] * 2 ** this.#failures++, RETRY[1]));
    }
  }
}

module.exports = { Credentials, findEndpoint, findRegion };
