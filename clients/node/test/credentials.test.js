"use strict";
const { test } = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { sleep, until, world } = require("../testing/world");

const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"];

/** Starts a producer with this environment and these files of ~/.aws; returns what the child got. */
async function got(t, { env = {}, config, credentials, option, ...options } = {}) {
  const w = await world(t, [{}], { start: false, credentials: option, region: undefined, ...options });
  for (const [name, content] of Object.entries({ config, credentials })) {
    if (content !== undefined) fs.writeFileSync(path.join(w.folder, `aws-${name}`), content);
  }
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  for (const name of names) delete process.env[name];
  const files = { AWS_CONFIG_FILE: path.join(w.folder, "aws-config"), AWS_SHARED_CREDENTIALS_FILE: path.join(w.folder, "aws-credentials") };
  Object.assign(process.env, files, env);
  try {
    const p = await w.start();
    t.after(() => p.close({ timeout: 0 }).catch(() => {}));
    await p.put("s", "k", "x");
    const hex = w.starts()[0].arguments[5];
    const region = /..-(east|west)-\d/.exec(Buffer.from(hex, "hex").toString("latin1"))?.[0];
    const { akid, secretKey, token } = JSON.parse(w.lines("credentials")[0] ?? "{}").credentials ?? {};
    return { p, w, region, keys: [akid, secretKey, token].filter(Boolean).join(" "), words: w.starts()[0].arguments };
  } finally {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

const files = {
  config: "# mine\n[default]\nregion = us-west-2\n\n[profile  dev]\nregion=eu-west-1 ; Ireland\ns3 =\n  aws_access_key_id = nested\naws_access_key_id = C1\naws_secret_access_key = s=ecret\n" +
    "[profile role]\nrole_arn = arn:x\nsource_profile = default\n[profile 'sso']\nsso_session = x\n",
  credentials: "[default]\r\naws_access_key_id = D1\r\naws_secret_access_key = D2\r\n[tmp]\naws_access_key_id = T1\naws_secret_access_key = T2\naws_session_token = T3\n",
};

test("credentials and region are found where the AWS tools keep them", async (t) => {
  const keys = { AWS_ACCESS_KEY_ID: "E1", AWS_SECRET_ACCESS_KEY: "E2" };
  const cases = [
    [{ ...files }, "us-west-2", "D1 D2"],
    [{ ...files, env: { ...keys, AWS_SESSION_TOKEN: "E3", AWS_REGION: "us-east-1" } }, "us-east-1", "E1 E2 E3"],
    [{ ...files, env: { AWS_PROFILE: "dev" } }, "eu-west-1", "C1 s=ecret"],
    [{ ...files, profile: "dev", env: keys }, "eu-west-1", "C1 s=ecret"],
    [{ ...files, profile: "tmp", env: { AWS_DEFAULT_REGION: "us-east-2" } }, "us-east-2", "T1 T2 T3"],
    [{ ...files, region: "us-east-1", option: { accessKeyId: "O1", secretAccessKey: "O2" } }, "us-east-1", "O1 O2"],
  ];
  for (const [given, region, want] of cases) {
    const result = await got(t, given);
    assert.deepEqual([result.region, result.keys], [region, want]);
  }
});

test("the endpoint is that of the environment, and beside a local one no metrics are sent", async (t) => {
  const AWS_ENDPOINT_URL = "http://127.0.0.1:4567";
  const far = "https://a.test";
  const cases = [
    [{}, undefined, undefined],
    [{ env: { AWS_ENDPOINT_URL } }, AWS_ENDPOINT_URL, "none"],
    [{ env: { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_KINESIS: far } }, far, undefined],
    [{ env: { AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "TRUE" } }, undefined, undefined],
    [{ env: { AWS_ENDPOINT_URL }, endpoint: far }, far, undefined],
    [{ env: { AWS_ENDPOINT_URL }, metricsLevel: "summary" }, AWS_ENDPOINT_URL, "summary"],
    [{ env: { AWS_ENDPOINT_URL }, cloudwatchEndpoint: "b.test" }, AWS_ENDPOINT_URL, undefined],
    [{ kinesisEndpoint: "localhost" }, "localhost", "none"],
    [{ endpoint: "http://[::1]:4567" }, "http://[::1]:4567", "none"],
  ];
  for (const [given, endpoint, level] of cases) {
    const { words } = await got(t, { ...files, region: "us-east-1", ...given });
    const text = Buffer.from(words[5], "hex").toString("latin1");
    for (const one of [AWS_ENDPOINT_URL, far, "localhost", "http://[::1]:4567"]) assert.equal(text.includes(one), one === endpoint, one);
    for (const one of ["none", "summary"]) assert.equal(text.includes(one), one === level, one);
  }
  await assert.rejects(got(t, { ...files, env: { AWS_ENDPOINT_URL: "ftp://a" } }), /setting kinesisEndpoint is 'ftp:/);
});

test("what is missing is said, with what to do", async (t) => {
  const cases = [
    [{}, "BAD_SETTING", /no region: give the option region/],
    [{ region: "us-east-1" }, "NO_CREDENTIALS", /nor in profile default of ~\/.aws.*give the option credentials/],
    [{ region: "us-east-1", ...files, profile: "role" }, "NO_CREDENTIALS", /profile role has role_arn, which is not read here.*fromNodeProviderChain/],
    [{ region: "us-east-1", ...files, profile: "sso" }, "NO_CREDENTIALS", /profile sso has sso_session/],
    [{ env: { AWS_REGION: "somewhere" } }, "BAD_SETTING", /setting region is 'somewhere'/],
    [{ region: "us-east-1", option: async () => ({ accessKeyId: "x" }) }, "NO_CREDENTIALS", /without accessKeyId or secretAccessKey/],
    [{ region: "us-east-1", option: () => { throw new Error("no vault"); } }, "NO_CREDENTIALS", /the function credentials failed: no vault/],
  ];
  for (const [given, code, message] of cases) {
    await assert.rejects(got(t, given), (error) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('"child": kplkit looks itself, and no credentials are sent', async (t) => {
  const { words, keys } = await got(t, { region: "us-east-1", option: "child" });
  assert.ok(words.includes("--default-credentials"));
  assert.equal(keys, "");
});

test("a function is asked again before its credentials end, and a failure keeps the old ones", async (t) => {
  let calls = 0;
  const option = async () => {
    if (++calls === 2) throw new Error("not now");
    return { accessKeyId: `F${calls}`, secretAccessKey: "s", expiration: new Date(Date.now() + 100) };
  };
  const { w, p } = await got(t, { region: "us-east-1", option });
  await until(() => w.lines("credentials").length >= 4);
  assert.deepEqual(w.lines("credentials").map((line) => JSON.parse(line).credentials.akid).slice(0, 4), ["F1", "F1", "F3", "F3"]);
  assert.match(w.logged.join(), /warning credentials could not be renewed, the old ones stay in use: .*not now/);
  // A child that is started again has the newest from its start.
  process.kill(p.pid, "SIGKILL");
  await p.put("s", "k", "x");
  assert.match(JSON.parse(w.lines("credentials")[4]).credentials.akid, /^F[3-9]$/);
  await p.close();
  const then = calls;
  await sleep(1500);
  assert.equal(calls, then, "asked after close");
});
