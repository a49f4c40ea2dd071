"""How many puts a second, and what each costs: KPLKIT=/path/to/kplkit python bench.py [RECORDS] [BYTES].

It runs kplkit local as the Kinesis, on the same machine, so that the three processes share its cores.
"""

import os
import resource
import sys
import time

from kplkit import Credentials, Producer
from tests.test_daemon import KPLKIT, Kinesis


def cpu_of(pid):
    """Returns the CPU seconds of a process that runs (Linux)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(records=200_000, size=100):
    kinesis = Kinesis()
    settings = {"metrics_level": "none", "rate_limit": 1_000_000}
    try:
        with Producer([KPLKIT, "daemon"], "us-east-1", kinesis.url, Credentials("a", "b"), **settings) as p:
            data = bytes(size)
            failed = []

            def done(future):
                if future.exception():
                    failed.append(future.exception())

            start, cpu = time.perf_counter(), time.process_time()
            for i in range(records):
                p.put("s", str(i), data).add_done_callback(done)
            p.flush()
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            child = cpu_of(p.pid)
    finally:
        kinesis.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{records} records of {size} bytes: {records / seconds:,.0f} puts/s, CPU per put {cpu / records * 1e6:.1f} µs in Python "
        f"and {child / records * 1e6:.1f} µs in the daemon, {memory:.0f} MiB at most in Python, {len(failed)} failed {failed[:1]}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
