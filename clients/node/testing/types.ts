// What a program in TypeScript writes; tsc --strict checks it against index.d.ts (test/types.test.js).
import { Producer, ProducerError, Result } from "kplkit";

async function main() {
  const p: Producer = await Producer.start({
    region: "us-east-1",
    aggregationMaxCount: 100,
    credentials: async () => ({ accessKeyId: "a", secretAccessKey: "b", expiration: new Date() }),
    log: (level, message) => console.log(level.toUpperCase(), message),
  });
  try {
    await p.ready();
    const r: Result = await p.put("s", "k", new Uint8Array(3), { explicitHashKey: "5" });
    console.log(r.shardId, r.attempts[0]?.errorCode);
  } catch (e) {
    if (e instanceof ProducerError && e.code === "EXPIRED") console.log(e.attempts.length, e.message);
  }
  const { failed }: { failed: number } = await p.flush({ onProgress: ({ done, total }) => console.log(done / total) });
  console.log(failed, p.pid, p.stats().resent);
  await p.close({ timeout: 1000 });
  await Producer.start({ credentials: "child" });
  // @ts-expect-error: no such setting
  await Producer.start({ aggregationMaxCont: 1 });
  // @ts-expect-error: start it
  new Producer();
}

main();
