"""What happens when the child dies, hangs or talks nonsense."""

import errno
import io
import os
import random
import signal
import threading
import time
import unittest
from unittest import mock

from kplkit import ChildFailed, Producer, ProducerClosed, PutExpired, SettingRefused, _child

from . import fake
from .fake import KEYS, FakeTest


class Restart(FakeTest):
    def setUp(self):
        super().setUp()
        self.set(_BACKOFF=0.0, _SOON=0.0)

    def put_all(self, producer, n):
        """Puts n records, and checks that each has its own result, once."""
        calls = []
        futures = [producer.put("s", f"k{i}", b"x" * 20) for i in range(n)]
        for future in futures:
            future.add_done_callback(calls.append)
        producer.flush(20)
        self.assertEqual(len(calls), n)
        self.assertEqual(len({f.result(0).sequence_number for f in futures}), n)

    def test_what_is_outstanding_is_sent_again_in_order_before_new_puts(self):
        with self.producer({"hold": 1000, "die_at_put": 50}, {}) as p:
            self.put_all(p, 60)
            self.assertEqual((p.stats.restarts, p.stats.results), (1, 60))
            self.assertGreaterEqual(p.stats.sent_again, 49)
        self.assertEqual(self.received(1)[0], "credentials AKID")
        self.assertEqual(self.keys(1), [f"k{i}" for i in range(60)])

    def test_what_is_sent_again_is_flushed(self):
        with self.producer({"hold": 1000, "die_at_put": 3}, {}) as p:
            for future in [p.put("s", f"k{i}", b"x") for i in range(3)]:
                future.result(20)
            while "flush" not in self.received(1):
                time.sleep(0.01)
        with self.producer({}) as p:  # a first child has nothing to flush
            p.put("s", "k", b"x").result(20)
            self.assertNotIn("flush", self.received(2))

    def test_what_a_child_gives_back_at_its_end_is_put_by_the_next(self):
        with self.producer({"code": "Shutdown", "hold": 5, "die_at_put": 6}, {}) as p:
            self.put_all(p, 6)
            self.assertEqual(p.stats.restarts, 1)

    def test_the_child_dies_at_each_byte_of_what_it_writes(self):
        self.in_threads()
        self.set(_TRIES=1000)
        plans = [{"die_after_written": n} for n in range(0, 70)]
        with self.producer(*plans, {}) as p:
            while p.stats.restarts < len(plans):
                self.put_all(p, 1)
            self.put_all(p, 10)

    def test_the_child_dies_at_each_byte_of_what_it_reads(self):
        self.in_threads()
        self.set(_TRIES=1000)
        plans = [{"die_after_read": n} for n in range(0, 90)]
        with self.producer(*plans, {}) as p:
            while p.stats.restarts < len(plans):
                self.put_all(p, 1)

    def test_the_pipes_of_a_dead_child_are_closed_and_no_fork_comes_between(self):
        locked, close = [], io.FileIO.close

        class File(io.FileIO):
            def close(self):
                if not self.closed:
                    locked.append(_child.spawning.locked())
                close(self)

        self.in_threads()
        self.set(_TRIES=1000)
        self.patch(fake.io, FileIO=File)
        with self.producer(*[{"die_at_put": 2}] * 10, {}) as p:
            self.put_all(p, 2)
        self.assertEqual(locked, [True] * 3 * 11)

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "this system does not list open files")
    def test_dead_children_leave_no_open_file(self):
        self.set(_TRIES=1000)
        with self.producer(*[{"die_at_put": 2}] * 10, {}) as p:
            before = len(os.listdir("/proc/self/fd"))
            self.put_all(p, 2)
            self.assertEqual((p.stats.restarts, len(os.listdir("/proc/self/fd"))), (10, before))

    def test_a_hang(self):
        self.set(_PING=0.1, _HANG=1.5)
        with self.producer({"hang_at_put": 3, "hold": 9}, {}) as p:
            self.put_all(p, 10)
            self.assertGreaterEqual(p.stats.restarts, 1)  # the next one may start slowly

    def test_a_stopped_child_is_a_hang_also_when_its_pipe_is_full(self):
        self.set(_PING=0.1, _HANG=1.5)
        with self.producer({}) as p:
            self.put_all(p, 1)
            os.kill(p.pid, signal.SIGSTOP)
            futures = [p.put("s", "k", b"x" * 100_000) for _ in range(20)]
            p.flush(20)
            self.assertEqual([f.exception() for f in futures], [None] * 20)
            self.assertGreaterEqual(p.stats.restarts, 1)  # the next one may start slowly

    def test_a_callback_that_takes_long_is_no_hang(self):
        self.set(_PING=0.1, _HANG=2.5)
        with self.producer({}) as p:
            p.put("s", "k", b"x").add_done_callback(lambda _: time.sleep(3.5))
            p.flush()
            self.put_all(p, 3)
            self.assertEqual(p.stats.restarts, 0)

    def test_garbage(self):
        too_long = b"\xff\xff\xff\xff".hex()
        no_message = b"\x00\x00\x00\x03\x0a\xff\x01".hex()
        half_a_number = b"\x00\x00\x00\x01\x88".hex()
        for garbage in too_long, no_message, half_a_number:
            with self.subTest(garbage):
                self.setUp()
                with self.producer({"garbage_at_put": 4, "garbage": garbage, "hold": 100}, {}) as p:
                    self.put_all(p, 10)
                    self.assertEqual(p.stats.restarts, 1)

    def test_messages_that_mean_nothing_are_passed_over(self):
        odd = b"\x00\x00\x00\x00" + b"\x00\x00\x00\x02\x08\x01"
        with self.producer({"garbage_at_put": 2, "garbage": odd.hex()}) as p, self.assertLogs("kplkit", "WARNING"):
            self.put_all(p, 5)
            self.assertEqual(p.stats.restarts, 0)

    def test_the_child_closes_its_output_and_lives_on(self):
        with self.producer({"close_at_put": 2, "hold": 9}, {}) as p:
            self.put_all(p, 5)
            self.assertEqual(p.stats.restarts, 1)

    def test_answers_twice_and_out_of_order(self):
        with self.producer({"times": 2, "reverse": True, "hold": 20}) as p:
            self.put_all(p, 20)
            p.close()
            self.assertEqual(p.stats.ignored, 20)

    def test_a_late_answer_is_ignored(self):
        with self.producer({"hold": 2}, record_ttl=2000) as p:
            late = p.put("s", "late", b"x")
            with self.assertRaises(PutExpired) as caught:
                late.result(20)
            self.assertIn("may be stored all the same", str(caught.exception))
            self.assertIsNone(p.put("s", "in time", b"x").exception(20))
            self.assertEqual((p.stats.ignored, p.outstanding), (1, 0))

    def test_an_answer_that_came_while_the_program_stood_still_is_read(self):
        self.set(_LATE=1.0)
        with self.producer({"hold": 2, "answer_at_flush": True}, record_ttl=200) as p:
            wake, puts, entered, back = p._supervisor._wake, [], threading.Event(), threading.Event()
            real = wake.wait

            def late(timeout):
                entered.set()
                if not real(timeout) and puts and not back.is_set():
                    time.sleep(1.2)
                    back.set()

            wake.wait = late
            wake.set()
            entered.wait()
            puts.append(p.put("s", "k", b"x"))
            back.wait()  # its time is up now
            p.flush(5)
            puts[0].result(0)

    def test_time_to_live_is_counted_from_the_put_over_restarts(self):
        self.set(_TRIES=1000, _BACKOFF=0.01, _BACKOFF_LIMIT=0.05)
        with self.producer({"die_at_put": 1}, record_ttl=500) as p:
            start = time.monotonic()
            self.assertIsInstance(p.put("s", "k", b"x").exception(20), PutExpired)
            self.assertGreaterEqual(time.monotonic() - start, 0.5)  # counted anew by each child, it would not end

    def test_exit_code_1_is_a_bad_setting(self):
        say = ["++++", "[error] rate_limit is out of its limits", "----"]
        with self.assertRaises(SettingRefused) as caught:
            self.producer({"exit": 1, "say": say})
        self.assertEqual(caught.exception.exit_status, 1)
        self.assertIn("rate_limit is out of its limits", str(caught.exception))
        self.assertEqual(self.children(), 1)

    def test_exit_code_1_is_an_end_like_any_other_once_the_settings_were_taken(self):
        with self.producer({"die_at_put": 5, "hold": 100}, {"exit": 1}, {"exit": 1}, {}) as p:
            self.put_all(p, 10)
            self.assertEqual(p.stats.restarts, 3)

    def test_a_crash_loop_ends_in_an_exception_for_all_that_is_outstanding(self):
        with self.producer({"die_at_put": 5, "hold": 100}, {"exit": 7, "say": ["panic: no memory"]}) as p:
            futures = [p.put("s", f"k{i}", b"x") for i in range(5)]
            for future in futures:
                error = future.exception(10)
                self.assertIsInstance(error, ChildFailed)
                self.assertNotIsInstance(error, SettingRefused)
                self.assertEqual((error.exit_status, error.last_words), (7, ("panic: no memory",)))
            with self.assertRaises(ChildFailed):
                p.put("s", "k", b"x")
            p.flush(0)
        self.assertEqual(self.children(), 10)

    def test_a_program_that_is_not_there(self):
        with self.assertRaisesRegex(ChildFailed, "no-such-program.*install it"):
            Producer(["no-such-program"], region="us-east-1", credentials=KEYS)

    def test_the_system_has_no_room_for_a_child(self):
        error = OSError(errno.EMFILE, "Too many open files")
        with mock.patch.object(_child, "_spawn", side_effect=error), self.assertRaisesRegex(ChildFailed, "open files$"):
            self.producer({})

    @unittest.skipIf(os.name == "nt", "Windows has other errors")
    def test_a_program_that_cannot_run_here(self):
        path = os.path.join(self.folder, "kplkit")
        with open(path, "wb") as file:
            file.write(b"\x7fELF\0")
        for mode, what in (0o600, "chmod"), (0o700, "built for this system and processor"):
            os.chmod(path, mode)
            with self.subTest(what), self.assertRaisesRegex(ChildFailed, what):
                Producer([path], region="us-east-1", credentials=KEYS)

    def test_a_program_that_is_none_of_ours(self):
        with self.assertRaisesRegex(ChildFailed, "exit status 2; none of them said a word: is command= the right"):
            self.producer({"exit": 2})

    def test_a_child_that_says_nothing(self):
        self.set(_START=0.3, _GRACE=0.1)
        with self.assertRaisesRegex(ChildFailed, "said nothing"):
            self.producer({"mute": True})

    def test_closed_while_the_child_is_down(self):
        p = self.producer({"die_at_put": 1}, {})
        p.put("s", "k", b"x")
        p.close()
        self.assertEqual((p.stats.results, p.outstanding, p.pid), (1, 0, None))
        with self.assertRaises(ProducerClosed):
            p.put("s", "k", b"x")


class Worlds(FakeTest):
    """Random children, by a seed: KPLKIT_SEED runs that one alone, KPLKIT_WORLDS says how many."""

    def test_worlds(self):
        seed = os.environ.get("KPLKIT_SEED")
        seeds = [int(seed)] if seed else range(int(os.environ.get("KPLKIT_WORLDS", "20")))
        for seed in seeds:
            with self.subTest(seed=seed):
                self.setUp()
                self.world(random.Random(seed))

    def plan(self, rng):
        plan = {"times": rng.choice([1, 1, 2]), "hold": rng.choice([0, 1, 7, 30]), "reverse": rng.random() < 0.5}
        plan["read"] = rng.choice([1, 100, 65536])
        end = rng.choice(
            ["die_after_written", "die_after_read", "die_at_put", "hang_at_put", "garbage_at_put", "close_at_put"]
        )
        plan[end] = rng.randrange(1, 3000 if "after" in end else 60)
        plan["garbage"] = bytes([255] * 4 + [rng.randrange(256) for _ in range(40)]).hex()
        return plan

    def world(self, rng):
        self.in_threads()
        self.set(_BACKOFF=0.0, _SOON=0.0, _PING=0.05, _HANG=0.3, _TRIES=100, _REAP=0.1)
        plans = [self.plan(rng) for _ in range(5)]
        results = []
        with self.producer(*plans, {}, max_buffered=2 << 20) as p:

            def user(name):
                for i in range(150):
                    p.put("s", f"{name}-{i}", b"x" * rng.randrange(200)).add_done_callback(results.append)

            users = [threading.Thread(target=user, args=(n,)) for n in "ab"]
            for thread in users:
                thread.start()
            for thread in users:
                thread.join()
            p.flush(30)
        self.assertEqual(len(results), 300)
        self.assertEqual(len({id(f) for f in results}), 300)
        self.assertEqual(len({f.result(0).sequence_number for f in results}), 300)
        for child in range(self.children()):
            ids = [int(line.split()[0]) for line in self.received(child) if line[0].isdigit()]
            self.assertEqual(ids, sorted(set(ids)), f"order of child {child}")


if __name__ == "__main__":
    unittest.main()
