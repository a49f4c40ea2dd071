"use strict";
// A folder, a plan for the fake child in it, and a producer over that.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { Producer } = require("..");

const credentials = { accessKeyId: "PLACEHOLDER", secretAccessKey: "placeholder" };

/** Starts a producer over a fake child that follows runs; it is closed when the test ends. */
async function world(t, runs, { start = true, ...options } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kplkit-node-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const logged = [];
  const lines = (name) => {
    try {
      return fs.readFileSync(path.join(folder, name), "utf8").split("\n").filter(Boolean);
    } catch {
      return [];
    }
  };
  const w = {
    folder,
    logged,
    lines,
    stored: () => lines("stored").map((line) => line.split(" ")),
    starts: () => lines("starts").map((line) => JSON.parse(line)),
    release: () => fs.writeFileSync(path.join(folder, "release"), ""),
    start: () =>
      Producer.start({
        command: [process.execPath, path.join(__dirname, "fake-child.js"), JSON.stringify({ folder, runs })],
        region: "us-east-1",
        credentials,
        log: (level, message) => logged.push(`${level} ${message}`),
        ...options,
      }),
  };
  if (!start) return w;
  w.p = await w.start();
  t.after(() => w.p.close({ timeout: 0 }).catch(() => {}));
  return w;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until fn() is true. */
async function until(fn, what = String(fn), deadline = 30_000) {
  for (const end = Date.now() + deadline; !fn(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
  }
}

/** Whether a process runs. */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A small generator of random numbers, the same for the same seed. */
function random(seed) {
  let x = (seed * 2654435761) >>> 0 || 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

module.exports = { alive, world, credentials, sleep, until, random };
