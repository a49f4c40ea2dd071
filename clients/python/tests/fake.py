"""Producers over the scripted child, for tests."""

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from kplkit import Credentials, Producer, _child, _supervisor

from . import fake_child

SCRIPT = fake_child.__file__
KEYS = Credentials("AKID", "SECRET")


class ThreadProcess:
    """The scripted child as a thread, in place of a subprocess.Popen: thousands of them cost little."""

    def __init__(self, command):
        self.pid = 1 << 30
        self.killed = threading.Event()
        child_in, to_child = os.pipe()
        from_child, child_out = os.pipe()
        errors, child_err = os.pipe()
        self.stdin, self.stdout, self.stderr = (
            io.FileIO(fd, mode) for fd, mode in ((to_child, "wb"), (from_child, "rb"), (errors, "rb"))
        )
        self.fds = {child_in, child_err}
        self.lock = threading.Lock()
        self.fake = fake_child.Fake(command[3], child_in, child_out, child_err, self.killed)
        self.thread = threading.Thread(target=self.run, name="fake", daemon=True)
        self.thread.start()

    def run(self):
        self.status = -9
        try:
            self.status = self.fake.run()
        except fake_child.Death:
            pass
        except OSError:  # nobody reads any more, or the child was killed
            pass
        self.fake.received.close()
        self.close(self.fake.input, self.fake.errors)
        if self.fake.output >= 0:
            os.close(self.fake.output)

    def close(self, *fds):
        with self.lock:
            for fd in self.fds & set(fds):
                self.fds.discard(fd)
                os.close(fd)

    def kill(self):
        self.killed.set()

    def wait(self, timeout=None):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise subprocess.TimeoutExpired("fake", timeout)
        return self.status


class FakeTest(unittest.TestCase):
    """A test over scripted children. It checks as well what holds always: no thread is left."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        before = set(threading.enumerate())
        self.addCleanup(lambda: self.assertEqual([t.name for t in threading.enumerate() if t not in before], []))

    def patch(self, module, **values):
        for name, value in values.items():
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def set(self, **constants):
        """Sets constants of the supervisor for this test: _BACKOFF=0."""
        self.patch(_supervisor, **constants)

    def in_threads(self):
        """Makes the children threads from here on."""
        self.patch(_child, _spawn=ThreadProcess, _kill=ThreadProcess.kill)

    def producer(self, *plans, **settings):
        with open(os.path.join(self.folder, "plan.json"), "w") as file:
            json.dump(plans, file)
        settings = {"region": "us-east-1", "credentials": KEYS, **settings}
        return Producer([sys.executable, "-SEs", SCRIPT, self.folder], **settings)

    def received(self, child):
        """Returns what a child read, line by line."""
        with open(os.path.join(self.folder, f"received.{child}")) as file:
            return file.read().splitlines()

    def keys(self, child):
        return [line.split()[1] for line in self.received(child) if line[0].isdigit()]

    def children(self):
        return sum(name.startswith("child.") for name in os.listdir(self.folder))
