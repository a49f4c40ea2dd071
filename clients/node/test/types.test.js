"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const path = require("node:path");

const tsc = process.env.TSC;
const skip = tsc ? false : "TSC is not set: the path of TypeScript's tsc";

for (const resolution of ["node16", "nodenext", "bundler"]) {
  test(`index.d.ts under tsc --strict, module resolution ${resolution}`, { skip }, () => {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const words = ["--strict", "--noEmit", "--target", "es2020", "--lib", "es2020,dom", "--module", module, "--moduleResolution", resolution];
    const { status, stdout } = spawnSync(tsc, [...words, path.join(__dirname, "../testing/types.ts")], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
