"""A child for tests, which does what its plan says: as a process of its own, or as a thread (tests.fake).

python fake_child.py FOLDER …: FOLDER/plan.json is a list with what the first child does, the second, and so on; the last one
holds for all that follow. Each child writes the ids and keys of the puts that it read to FOLDER/received.NUMBER, one a line.
"""

import importlib.util
import json
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("messages", os.path.join(HERE, "..", "kplkit", "_messages.py"))
messages = importlib.util.module_from_spec(spec)  # without the package, whose other modules take longer to load
spec.loader.exec_module(messages)

NEVER = 1 << 60


def number(folder):
    """Returns which child this is, from 0 on."""
    n = 0
    while True:
        try:
            os.close(os.open(os.path.join(folder, f"child.{n}"), os.O_CREAT | os.O_EXCL))
            return n
        except FileExistsError:
            n += 1


class Death(BaseException):
    """The child dies as if it was killed. Of a process, kill -9 comes first."""


class Fake:
    def __init__(self, folder, input, output, errors, killed):
        with open(os.path.join(folder, "plan.json")) as file:
            plans = json.load(file)
        n = number(folder)
        self.plan = plans[min(n, len(plans) - 1)]
        self.received = open(os.path.join(folder, f"received.{n}"), "w", buffering=1)
        self.input, self.output, self.errors, self.killed = input, output, errors, killed
        self.puts = self.written = self.read_bytes = 0
        self.held = []  # puts that are not answered yet

    def hang(self):
        self.killed.wait()
        raise Death

    def write(self, data):
        left = self.plan.get("die_after_written", NEVER) - self.written
        self.written += len(data)
        data, dead = data[:left], left < len(data)
        while data:
            data = data[os.write(self.output, data) :]
        if dead:
            raise Death

    def send(self, message):
        self.write(messages.frame(messages.encode({"id": 1, **message})))

    def answer(self, id):
        code = self.plan.get("code")
        attempt = {"delay": 3, "duration": 5, "success": not code}
        result = {"attempts": [attempt], "success": not code}
        if code:
            attempt.update(error_code=code, error_message=f"no: {code}")
        else:
            result.update(shard_id="shardId-000000000000", sequence_number=str(id))
        for _ in range(self.plan.get("times", 1)):
            self.send({"source_id": id, "put_record_result": result})

    def answer_held(self):
        held, self.held = self.held, []
        if self.plan.get("reverse"):
            held.reverse()
        for id in held:
            self.answer(id)

    def put(self, message):
        self.puts += 1
        put = message["put_record"]
        print(message["id"], put["partition_key"], *put.get("explicit_hash_key", "").split(), file=self.received)
        plan = self.plan
        if self.puts == plan.get("hang_at_put"):
            self.hang()
        if self.puts == plan.get("die_at_put"):
            raise Death
        if self.puts == plan.get("garbage_at_put"):
            self.write(bytes.fromhex(plan["garbage"]))
        if self.puts == plan.get("close_at_put"):
            os.close(self.output)
            self.output = -1
            self.hang()
        self.held.append(message["id"])

    def take(self, message):
        if "put_record" in message:
            self.put(message)
        elif "metrics_request" in message:
            self.send({"source_id": message["id"], "metrics_response": {}})
        elif "set_credentials" in message:
            print("credentials", message["set_credentials"]["credentials"]["akid"], file=self.received)
        elif "flush" in message:
            print("flush", file=self.received)
            if self.plan.get("die_at_flush"):
                raise Death
            if self.plan.get("answer_at_flush"):
                self.answer_held()

    def run(self):
        """Returns the exit code."""
        for line in self.plan.get("say", ()):
            os.write(self.errors, line.encode() + b"\n")
        if "exit" in self.plan:
            return self.plan["exit"]
        if self.plan.get("mute"):
            self.hang()
        buffer = bytearray()
        while True:
            left = self.plan.get("die_after_read", NEVER) - self.read_bytes
            if left <= 0:
                raise Death
            data = os.read(self.input, min(self.plan.get("read", 65536), left))
            if not data:
                break
            self.read_bytes += len(data)
            buffer += data
            for message in messages.split(buffer):
                self.take(messages.decode(message))
            time.sleep(self.plan.get("delay", 0))
            if len(self.held) >= self.plan.get("hold", 0):
                self.answer_held()
        self.answer_held()  # as the daemon: what it holds at the end of its input
        return 0


if __name__ == "__main__":
    try:
        os._exit(Fake(sys.argv[1], 0, 1, 2, threading.Event()).run())
    except Death:
        os.kill(os.getpid(), signal.SIGKILL)
    except BrokenPipeError:
        os._exit(1)  # which would be a bad setting, had the parent not closed the pipe
