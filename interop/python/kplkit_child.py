"""A record processor for kplkit multilang run, by the standard library alone.

What was handed over it tells on a socket, to the port that it gets as its argument, as multilang_child.py does. The ROW_ settings are
in the environment.
"""

import base64
import collections
import json
import os
import sys

from multilang_child import Reporter

AT = os.environ["ROW_AT"].encode()
WHEN = os.environ["ROW_WHEN"]
ENDS = int(os.environ["ROW_ENDS"])
END_FILE = os.environ["ROW_CHECKPOINT_FILE"] + ".ends"


class Processor:
    def __init__(self, reporter):
        self.reporter = reporter
        self.waiting = collections.deque()  # lines that came before an answer
        self.last = None  # the position of the last record that is not done
        self.stopping = ""

    def read(self):
        if self.waiting:
            return self.waiting.popleft()
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        return json.loads(line)

    def run(self):
        print("a stray print")
        while True:
            event = self.read()
            if event["event"] == "record":
                self.record(event)
            elif event["event"] == "batch-end":
                self.batch_end()
            elif event["event"] == "shutdown":
                if event["reason"] == "lease-lost":
                    self.reporter.tell(lease_lost=True)
                return

    def record(self, event):
        data = base64.b64decode(event["data"])
        number, _, sub = event["position"].partition(":")
        self.reporter.tell(record=event["data"], sequence_number=number, sub_sequence_number=int(sub or 0))
        self.last = event["position"]
        if AT and data == AT:
            if WHEN == "at":
                self.checkpoint()
                self.reporter.stop(f"at {AT.decode()}")
            self.stopping = f"after the batch with {AT.decode()}"
        if data == b"END" and last_end():
            self.stopping = "END"

    def batch_end(self):
        if self.last and (self.stopping and AT or WHEN == "later"):
            self.checkpoint()
        elif self.last and not self.stopping:
            print(json.dumps({"done": self.last}), flush=True)
            self.last = None
        if self.stopping:
            self.reporter.stop(self.stopping)

    def checkpoint(self):
        """Asks for one, and waits for the answer."""
        number, self.last = self.last, None
        print(json.dumps({"checkpoint": number}), flush=True)
        while True:
            line = sys.stdin.readline()
            if not line:
                os._exit(0)
            event = json.loads(line)
            if event["event"] == "checkpointed":
                break
            self.waiting.append(event)
        self.reporter.tell(checkpoint=number, error=event["error"] or "")


def last_end():
    """Counts an END, in a file that the processes of all shards share."""
    with open(END_FILE, "a") as file:
        file.write("x")
    return os.path.getsize(END_FILE) == ENDS


if __name__ == "__main__":
    Processor(Reporter(int(sys.argv[1]))).run()
