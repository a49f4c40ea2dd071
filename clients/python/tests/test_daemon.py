"""Against the real daemon, and kplkit local as the Kinesis. KPLKIT names the program, KPLKIT_KILLS how often it is killed."""

import base64
import collections
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
from unittest import mock

from kplkit import Credentials, Producer, PutFailed, SettingRefused, _supervisor

KPLKIT = os.environ.get("KPLKIT", "")
KILLS = int(os.environ.get("KPLKIT_KILLS", "20"))


class Kinesis:
    """kplkit local with the stream s of two shards."""

    def __init__(self):
        command = [KPLKIT, "local", "--json", "--kinesis-port", "0", "--dynamodb-port", "0", "--stream", "s:2"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = json.loads(self.process.stdout.readline())["kinesis"]

    def close(self):
        self.process.kill()
        self.process.communicate()

    def call(self, operation, **fields):
        headers = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = urllib.request.Request(self.url, json.dumps(fields).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def stored(self):
        """Returns the stored records of all shards, as lines of JSON."""
        lines = []
        for shard in self.call("ListShards", StreamName="s")["Shards"]:
            iterator = self.call(
                "GetShardIterator", StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = self.call("GetRecords", ShardIterator=iterator)
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
                lines += [json.dumps({**record, "shard_id": shard["ShardId"]}) for record in answer["Records"]]
        return "\n".join(lines)

    def user_records(self):
        """Returns the user records of the stream, by kplkit deagg: fields as there, data as bytes."""
        out = subprocess.run([KPLKIT, "deagg"], input=self.stored().encode(), capture_output=True, check=True).stdout
        records = [json.loads(line) for line in out.splitlines()]
        for record in records:
            record["data"] = base64.b64decode(record["data"])
        return records


@unittest.skipUnless(KPLKIT, "KPLKIT does not name a kplkit program")
class Daemon(unittest.TestCase):
    def setUp(self):
        self.kinesis = Kinesis()
        self.addCleanup(self.kinesis.close)

    def producer(self, **settings):
        settings = {"metrics_level": "none", "record_max_buffered_time": 20, **settings}
        return Producer([KPLKIT, "daemon"], "us-east-1", self.kinesis.url, Credentials("AKID", "SECRET"), **settings)

    def test_records_come_out_as_they_were_put(self):
        puts = [("k1", b"", None), ("k2", bytes(range(256)), str(2**128 - 1)), ("schlüssel", b"x" * 200_000, "0")]
        with self.producer() as p:
            results = [p.put("s", *put).result(60) for put in puts]
        found = {r["partition_key"]: r for r in self.kinesis.user_records()}
        self.assertEqual([r.shard_id for r in results[1:]], ["shardId-000000000001", "shardId-000000000000"])
        for (key, data, _), result in zip(
            puts, results
        ):  # alone in its stored record, it has no explicit hash key there
            self.assertEqual(found[key]["data"], data)
            self.assertEqual(found[key]["sequence_number"], result.sequence_number)
            self.assertEqual(found[key]["shard_id"], result.shard_id)
            self.assertTrue(result.attempts[-1].success)

    def test_a_stream_that_is_not_there(self):
        with self.producer() as p:
            error = p.put("nowhere", "k", b"x").exception(60)
        self.assertIsInstance(error, PutFailed)
        self.assertEqual(error.code, "ResourceNotFoundException")

    def test_a_flush_does_not_wait_for_the_buffered_time(self):
        with self.producer(record_max_buffered_time=25_000) as p:
            future = p.put("s", "k", b"x")
            p.flush(10)
            self.assertIsNone(future.exception(0))

    def test_a_setting_that_only_the_daemon_refuses(self):
        with self.assertRaises(SettingRefused) as caught:
            Producer([KPLKIT, "daemon", "--no-such-option"], "us-east-1", credentials=Credentials("a", "b"))
        self.assertIn("no-such-option", str(caught.exception))

    def test_the_daemon_hangs(self):
        """Stopped under load (SIGSTOP), it is a hang: killed and started again."""
        with mock.patch.object(_supervisor, "_PING", 0.2), mock.patch.object(_supervisor, "_HANG", 3.0):
            with self.producer() as p:
                os.kill(p.pid, signal.SIGSTOP)
                futures = [p.put("s", f"k{i}", b"x") for i in range(100)]
                p.flush(25)
                self.assertEqual([f.exception(0) for f in futures], [None] * 100)
                self.assertGreaterEqual(p.stats.restarts, 1)  # the next one may start slowly

    def test_kills(self):
        """kill -9 at random moments, under load from two threads."""
        rng = random.Random(14)
        counts = collections.Counter()  # of callbacks, by put
        refused, acknowledged, again = [], {}, []
        stop = threading.Event()
        lock = threading.Lock()
        names = iter(range(1 << 30))

        with self.producer(max_buffered=8 << 20) as p:

            def user():
                while not stop.is_set():
                    for _ in range(20):
                        with lock:
                            name = next(names)
                        p.put("s", f"key-{name}", b"%d " % name + b"x" * 90).add_done_callback(
                            lambda f, name=name: done(name, f)
                        )
                    time.sleep(0.01)

            def done(name, future):
                counts[name] += 1
                if future.exception():
                    refused.append(future.exception())
                else:
                    acknowledged[name] = future.result()

            threads = [threading.Thread(target=user) for _ in range(2)]
            for thread in threads:
                thread.start()
            for _ in range(KILLS):
                time.sleep(rng.uniform(0, 0.3))
                pid = p.pid
                while pid is None:  # it is not started again yet
                    time.sleep(0.001)
                    pid = p.pid
                os.kill(pid, signal.SIGKILL)
                killed = time.monotonic()
                while p.pid == pid or p.pid is None:
                    time.sleep(0.001)
                had = len(acknowledged)
                while len(acknowledged) == had:
                    time.sleep(0.001)
                again.append(time.monotonic() - killed)
            stop.set()
            for thread in threads:
                thread.join()
            p.flush(60)
            stats = p.stats

        puts = next(names)
        self.assertEqual(refused, [])
        self.assertEqual((len(counts), set(counts.values())), (puts, {1}))
        self.assertEqual((stats.puts, stats.results, stats.outstanding), (puts, puts, 0))
        self.assertEqual(stats.restarts, KILLS)
        stored = collections.Counter()
        places = collections.defaultdict(set)
        for record in self.kinesis.user_records():
            name = int(record["data"].split()[0])
            stored[name] += 1
            places[name].add((record["shard_id"], record["sequence_number"]))
        lost = [n for n, r in acknowledged.items() if (r.shard_id, r.sequence_number) not in places[n]]
        self.assertEqual(lost, [])
        self.assertEqual(len(stored), puts)
        print(
            f"\nkills {KILLS}, puts {puts}, failed 0, lost 0, twice {sum(n - 1 for n in stored.values())}, "
            f"sent again {stats.sent_again}, working again after {statistics.median(again) * 1000:.0f} ms (median), "
            f"{max(again) * 1000:.0f} ms at most"
        )

    def test_the_program_is_killed_under_load(self):
        """The daemon ends, and what was acknowledged is in the stream."""
        source = f"""
import sys
sys.path.insert(0, {os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")!r})
from kplkit import Credentials, Producer
p = Producer([{KPLKIT!r}, "daemon"], "us-east-1", {self.kinesis.url!r}, Credentials("a", "b"), metrics_level="none")
print(p.pid, flush=True)
n = 0
def done(f, n):
    f.result()
    print(n, flush=True)
while True:
    n += 1
    p.put("s", str(n), b"%d" % n).add_done_callback(lambda f, n=n: done(f, n))
"""
        program = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
        child = int(program.stdout.readline())
        acknowledged = [int(program.stdout.readline()) for _ in range(3000)]
        program.kill()
        out, _ = program.communicate()
        acknowledged += [int(line) for line in out.splitlines(True) if line.endswith(b"\n")]
        deadline = time.monotonic() + 60
        while os.path.exists(f"/proc/{child}/exe") and time.monotonic() < deadline:
            time.sleep(0.02)
        if os.path.isdir("/proc/self"):
            self.assertFalse(os.path.exists(f"/proc/{child}/exe"), "the daemon lives on")
        stored = {int(r["data"]) for r in self.kinesis.user_records()}
        self.assertEqual([n for n in acknowledged if n not in stored], [])


if __name__ == "__main__":
    unittest.main()
