"use strict";
// KPLKIT=kplkit node testing/bench.js [RECORDS] [BYTES]: puts a second and CPU a put over `kplkit local`. The stream has
// two shards, whose limits `kplkit local` does not enforce; rateLimit is out of the way.
const fs = require("node:fs");
const { Producer } = require("..");
const { startKinesis } = require("./kinesis");
const { credentials } = require("./world");

/** CPU seconds of a process so far; NaN where there is no /proc. */
function cpuOf(pid) {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

async function main() {
  const [records, bytes] = [Number(process.argv[2] ?? 500_000), Number(process.argv[3] ?? 100)];
  const kplkit = process.env.KPLKIT;
  const kinesis = await startKinesis(kplkit);
  const p = await Producer.start({ command: [kplkit, "daemon"], endpoint: kinesis.endpoint, region: "us-east-1", credentials, metricsLevel: "none", rateLimit: 100_000_000 });
  const data = Buffer.alloc(bytes, 120);
  let failed = 0;
  const fail = (error) => failed++ || console.error(error.message);
  const put = async (n) => {
    for (let i = 0; i < n; i++) {
      if (p.needDrain) await p.ready();
      p.put("s", `key-${i % 10_000}`, data).catch(fail);
    }
    await p.flush();
  };
  await put(records / 10); // warm
  const before = { own: process.cpuUsage(), child: cpuOf(p.pid), at: performance.now() };
  await put(records);
  const seconds = (performance.now() - before.at) / 1000;
  const own = process.cpuUsage(before.own);
  const micro = (s) => `${((s * 1e6) / records).toFixed(2)} µs`;
  console.log(`${records} records of ${bytes} bytes: ${Math.round(records / seconds)} puts a second; CPU a put: ${micro((own.user + own.system) / 1e6)} in Node, ${micro(cpuOf(p.pid) - before.child)} in kplkit daemon; ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB most in Node; ${failed} failed`);
  await p.close();
  kinesis.stop();
}

main();
