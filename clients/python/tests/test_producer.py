"""What a user of the producer relies on while the child is well."""

import asyncio
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest

from kplkit import BufferFull, FlushTimeout, ProducerClosed, PutExpired, PutFailed

from .fake import KEYS, SCRIPT, FakeTest

HERE = os.path.dirname(os.path.abspath(__file__))


class Results(FakeTest):
    def test_a_result(self):
        with self.producer({}) as p:
            result = p.put("s", "k", b"x").result(20)
            self.assertEqual(result.shard_id, "shardId-000000000000")
            self.assertTrue(result.sequence_number.isdigit())
            self.assertEqual((result.attempts[0].delay, result.attempts[0].duration), (3, 5))

    def test_a_refusal_says_why_and_what_helps(self):
        with self.producer({"code": "ResourceNotFoundException"}) as p:
            error = p.put("s", "k", b"x").exception(20)
        self.assertIs(type(error), PutFailed)
        self.assertEqual((error.code, error.message), ("ResourceNotFoundException", "no: ResourceNotFoundException"))
        self.assertEqual(len(error.attempts), 1)
        self.assertIn("check the stream's name", str(error))

    def test_a_record_that_expired_in_the_child(self):
        with self.producer({"code": "Expired"}) as p:
            self.assertIsInstance(p.put("s", "k", b"x").exception(20), PutExpired)

    def test_a_put_cannot_be_cancelled(self):
        with self.producer({}) as p:
            future = p.put("s", "k", b"x")
            self.assertFalse(future.cancel())
            future.result(20)

    def test_asyncio(self):
        async def main(p):
            futures = [asyncio.wrap_future(p.put("s", f"k{i}", b"x")) for i in range(50)]
            futures[0].cancel()
            return await asyncio.gather(*futures, return_exceptions=True)

        with self.producer({}) as p:
            results = asyncio.run(main(p))
        self.assertIsInstance(results[0], asyncio.CancelledError)
        self.assertEqual(len({r.sequence_number for r in results[1:]}), 49)

    def test_callbacks_may_put_and_may_raise_and_may_not_wait(self):
        with self.producer({}) as p:
            told = []

            def callback(_):
                for call in p.flush, p.close:
                    try:
                        call()
                    except RuntimeError as error:
                        told.append(str(error))
                told.append(p.put("s", "again", b"x"))
                raise SystemExit

            with self.assertLogs("kplkit", "ERROR"):
                p.put("s", "k", b"x").add_done_callback(callback)
                p.put("s", "k2", b"x").result(20)
                p.flush(20)
            self.assertEqual(len(told), 3)
            told[2].result(20)
            self.assertEqual(p.stats.restarts, 0)

    def test_a_producer_cannot_be_sent_to_another_process(self):
        with self.producer({}) as p, self.assertRaisesRegex(TypeError, "make one in each process"):
            pickle.dumps(p)


class Buffer(FakeTest):
    def test_put_waits_while_max_buffered_is_reached(self):
        with self.producer({"read": 65536, "delay": 0.02}, max_buffered=2 << 20) as p:
            most = 0
            for _ in range(60):
                p.put("s", "k", bytes(100_000))
                most = max(most, p.stats.outstanding_bytes)
            self.assertTrue(1_900_000 < most <= 2 << 20, most)
            p.flush(20)
            self.assertEqual(p.stats.outstanding_bytes, 0)

    def test_a_record_larger_than_max_buffered_goes_alone(self):
        with self.producer({}, max_buffered=2 << 20) as p:
            p.put("s", "k", bytes(5 << 20)).result(20)

    def test_a_put_that_waits_ends_when_the_producer_is_closed(self):
        p = self.producer({"hold": 100}, max_buffered=2 << 20, record_ttl=1000)
        p.put("s", "k", bytes(2 << 20))
        errors = []

        def user():
            try:
                p.put("s", "k", bytes(2 << 20))
            except ProducerClosed as error:
                errors.append(error)

        thread = threading.Thread(target=user)
        thread.start()
        time.sleep(0.2)
        p.close()
        thread.join(20)
        self.assertEqual(len(errors), 1)

    def test_a_callback_does_not_wait_for_room_that_it_would_have_to_make(self):
        with self.producer({"hold": 2}, max_buffered=2 << 20) as p:
            errors = []

            def callback(_):
                try:
                    p.put("s", "k", bytes(2 << 20))
                except BufferFull as error:
                    errors.append(error)

            p.put("s", "k", b"small").add_done_callback(callback)
            p.put("s", "k", bytes(1 << 20)).result(20)
            p.flush(20)
            self.assertEqual(len(errors), 1)


class Flush(FakeTest):
    def test_a_timeout_says_how_many_are_outstanding(self):
        with self.producer({"hold": 8}) as p:
            futures = [p.put("s", f"k{i}", b"x") for i in range(7)]
            with self.assertRaises(TimeoutError) as caught:
                p.flush(0.2)
            self.assertIsInstance(caught.exception, FlushTimeout)
            self.assertEqual((caught.exception.outstanding, p.outstanding), (7, 7))
            self.assertIn("7 records", str(caught.exception))
            p.put("s", "k", b"x")
            p.flush(20)
            self.assertTrue(all(f.done() for f in futures))
            self.assertEqual(p.outstanding, 0)

    def test_it_does_not_wait_for_later_puts(self):
        with self.producer({"hold": 100, "answer_at_flush": True}) as p:
            first = p.put("s", "first", b"x")
            first.add_done_callback(lambda _: p.put("s", "later", b"x"))
            p.flush(20)
            self.assertTrue(first.done())
            self.assertEqual(p.outstanding, 1)

    def test_it_is_sent_after_the_puts_before_it(self):
        with self.producer({}) as p:
            p.put("s", "k", b"x")
            p.flush(20)
        lines = [line.split()[-1] for line in self.received(0)]
        self.assertEqual(lines[:3], ["AKID", "k", "flush"])

    def test_nothing_to_do(self):
        with self.producer({}) as p:
            p.flush(0)
            p.close()
            p.close()


class Program(FakeTest):
    """Whole programs, since they end, fork, or are interrupted."""

    def run_program(self, body, *plans, **environ):
        with open(os.path.join(self.folder, "plan.json"), "w") as file:
            import json

            json.dump(plans or [{}], file)
        command = [sys.executable, "-SEs", SCRIPT, self.folder]
        head = f"""
            import os, signal, sys, threading, time
            from kplkit import *
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where these tests run in the background
            make = lambda: Producer({command!r}, region="us-east-1", credentials=Credentials("AKID", "SECRET"))
            p = make()
        """
        source = textwrap.dedent(head) + textwrap.dedent(body)
        return subprocess.Popen(
            [sys.executable, "-c", source],
            cwd=os.path.join(HERE, ".."),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def done(self, program, timeout=60):
        out, err = program.communicate(timeout=timeout)
        return program.returncode, out, err

    def test_a_program_that_forgets_to_close_loses_nothing(self):
        body = """
            for i in range(100):
                p.put("s", f"k{i}", b"x").add_done_callback(lambda f: print(f.result().sequence_number))
        """
        code, out, err = self.done(self.run_program(body, {"delay": 0.3}))
        self.assertEqual((code, len(out.split())), (0, 100), err)
        self.assertIn("was not closed", err)

    def test_a_producer_that_nobody_holds_any_more_loses_nothing(self):
        body = """
            import gc
            for i in range(100):
                p.put("s", f"k{i}", b"x").add_done_callback(lambda f: print(f.result().sequence_number))
            del p
            gc.collect()
        """
        code, out, err = self.done(self.run_program(body, {"delay": 0.3}))
        self.assertEqual((code, len(out.split())), (0, 100), err)

    def test_a_worker_of_multiprocessing_that_forgets_to_close_loses_nothing(self):
        body = """
            import multiprocessing
            def work():
                p = make()
                for i in range(100):
                    p.put("s", f"k{i}", b"x").add_done_callback(lambda f: print(f.result().sequence_number))
            worker = multiprocessing.get_context("fork").Process(target=work)
            worker.start()
            worker.join()
        """
        if "fork" not in multiprocessing.get_all_start_methods():
            self.skipTest("this system has no fork")
        code, out, err = self.done(self.run_program(body, {}, {"delay": 0.3}))
        self.assertEqual((code, len(out.split())), (0, 100), err)

    def test_the_child_dies_while_a_program_that_forgot_to_close_ends(self):
        body = """
            for i in range(100):
                p.put("s", f"k{i}", b"x").add_done_callback(lambda f: print(f.result().sequence_number))
        """
        code, out, err = self.done(self.run_program(body, {"hold": 1000, "die_at_flush": True}, {}))
        self.assertEqual((code, len(out.split())), (0, 100), err)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork(self):
        body = """
            ready, done = os.pipe()
            copy = os.fork()
            if copy == 0:
                for call in p.flush, lambda: p.put("s", "k", b"x"):
                    try:
                        call()
                    except ProducerClosed as error:
                        print(error, flush=True)
                p.close()
                os.write(done, b"x")
                time.sleep(60)  # lives on: its copies of the pipes must not keep the child alive
                os._exit(0)
            p.put("s", "k", b"x").result(20)
            os.read(ready, 1)
            t = time.monotonic()
            p.close()
            print("closed" if time.monotonic() - t < 9 else "late: killed after 10 s", flush=True)
            os.kill(copy, 9)
            os.wait()
        """
        code, out, err = self.done(self.run_program(body))
        self.assertEqual(code, 0, err)
        self.assertEqual(out.count("made before a fork"), 2)
        self.assertIn("closed", out)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_a_fork_while_a_child_is_being_started(self):
        body = """
            from kplkit import _window
            begin, forked = _window.Window.begin, []
            def forking(window, greeting):  # the process runs, and nobody has been given it yet
                pid = os.fork()
                if pid == 0:
                    time.sleep(60)
                forked.append(pid)
                return begin(window, greeting)
            _window.Window.begin = forking
            p.put("s", "k", b"x").result(5)
            t = time.monotonic()
            p.close()
            print("closed" if time.monotonic() - t < 2 else "late", len(forked))
            os.kill(forked[0], signal.SIGKILL)
        """
        code, out, err = self.done(self.run_program(body, {"die_at_put": 1}, {}))
        self.assertEqual((code, out.split()), (0, ["closed", "1"]), err)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_a_fork_by_c_code_that_calls_not_all_of_pythons_hooks(self):
        body = """
            import ctypes
            ready, done = os.pipe()
            copy = ctypes.PyDLL(None).fork()
            if copy == 0:
                HOOK
                try:
                    p.put("s", "k", b"x")
                except ProducerClosed as error:
                    print(error, flush=True)
                with make() as mine:
                    print(mine.put("s", "k", b"x").result(20).shard_id, flush=True)
                os.write(done, b"x")
                time.sleep(60)
            os.read(ready, 1)
            t = time.monotonic()
            p.close()
            print("closed" if time.monotonic() - t < 9 else "late: killed after 10 s", flush=True)
            os.kill(copy, 9)
        """
        hooks = ["pass"]
        if sys.version_info < (3, 13):  # since then Python itself aborts in this one where no other was called
            hooks.append("ctypes.pythonapi.PyOS_AfterFork_Child()")
        for hook in hooks:
            with self.subTest(hook):
                code, out, err = self.done(self.run_program(body.replace("HOOK", hook)))
                self.assertEqual((code, err), (0, ""))
                self.assertRegex(out, "^the producer was made before a fork.*\nshardId-000000000000\nclosed")

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_the_child_ends_with_its_parent_whatever_other_processes_live_on(self):
        body = """
            import multiprocessing, subprocess
            worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
            worker.start()
            other = subprocess.Popen(["sleep", "60"], close_fds=False)
            print(p.pid, worker.pid, other.pid, flush=True)
            p.put("s", "k", b"x").result(20)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        program = self.run_program(body)
        child, *others = map(int, program.stdout.readline().split())
        try:
            program.wait(60)
            self.wait_for_end(child)
        finally:
            for pid in others:
                os.kill(pid, signal.SIGKILL)
            self.done(program)

    @unittest.skipUnless(hasattr(os, "kill"), "this system has no signals")
    def test_ctrl_c_reaches_the_program_and_not_the_child(self):
        body = """
            with p:
                try:
                    print(p.pid, flush=True)
                    time.sleep(10)
                except KeyboardInterrupt:
                    print(p.put("s", "k", b"x").result(20).shard_id, p.stats.restarts, flush=True)
        """
        program = self.run_program(body)
        program.stdout.readline()
        os.killpg(program.pid, 2)
        code, out, err = self.done(program)
        self.assertEqual((code, out.split("\n")[-2:]), (0, ["shardId-000000000000 0", ""]), (out, err))

    @unittest.skipUnless(hasattr(os, "kill"), "this system has no signals")
    def test_what_a_close_that_was_interrupted_gave_up_says_so(self):
        body = """
            from kplkit import _supervisor
            _supervisor._GRACE = 0.2
            os.kill(p.pid, signal.SIGSTOP)
            future = p.put("s", "k", b"x")
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                p.close()
            except KeyboardInterrupt:
                print(future.exception(5))
            try:
                p.put("s", "k", b"x")
            except ProducerClosed as error:
                print(error)
        """
        code, out, err = self.done(self.run_program(body))
        self.assertEqual(code, 0, err)
        self.assertRegex(
            out, "closed before there was a result.*stored all the same\nthe producer is closed: make a new one"
        )

    @unittest.skipUnless(hasattr(os, "kill"), "this system has no signals")
    def test_the_child_ends_with_its_parent(self):
        body = """
            print(p.pid, flush=True)
            time.sleep(60)
        """
        program = self.run_program(body)
        child = int(program.stdout.readline())
        program.kill()
        self.done(program)
        self.wait_for_end(child)

    def wait_for_end(self, child):
        for _ in range(1000):
            if not alive(child):
                return
            time.sleep(0.05)
        self.fail("the child lives on")

    @unittest.skipUnless(hasattr(os, "kill"), "this system has no signals")
    def test_a_program_with_the_default_sigpipe_survives_the_childs_death(self):
        body = """
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            with p:
                for i in range(200):
                    p.put("s", "k", bytes(20_000))
                p.flush()
                print(p.stats.results, p.stats.restarts)
        """
        code, out, err = self.done(self.run_program(body, {"die_at_put": 5, "hold": 9}, {}))
        self.assertEqual((code, out.split()), (0, ["200", "1"]), err)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"  # nobody may be there to reap it
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not os.path.isdir("/proc/self")


class Log(FakeTest):
    def test_stderr_is_logged_with_its_level(self):
        say = ["++++", "[2026] [0x1] [info] [main.cc:1] hello", "----", "[ERROR] bad", "panic: x"]
        with self.assertLogs("kplkit", "INFO") as logs:
            with self.producer({"say": say}) as p:
                p.put("s", "k", b"x").result(20)
        levels = [(r.levelno, r.getMessage()) for r in logs.records]
        self.assertEqual(
            levels,
            [(logging.INFO, say[1]), (logging.ERROR, "[ERROR] bad"), (logging.WARNING, "panic: x")],
        )


if __name__ == "__main__":
    unittest.main()
