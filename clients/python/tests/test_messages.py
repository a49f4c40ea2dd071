"""The messages, against what the real KPL wrote, and against bytes that nobody should write."""

import os
import random
import re
import struct
import unittest

from kplkit import _messages, _settings
from kplkit._errors import outcome

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
SESSIONS = os.path.join(PROJECT, "internal", "kplpipe", "testdata", "session")


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


@unittest.skipUnless(os.path.isdir(SESSIONS), f"the project's {SESSIONS} is not here")
class Golden(unittest.TestCase):
    def sessions(self):
        for version in "1.0.7", "0.14.13":
            with self.subTest(version):
                yield os.path.join(SESSIONS, version)

    def test_frames_are_read_and_written_again_bit_for_bit(self):
        for folder in self.sessions():
            seen = set()
            for name in "to-child", "from-child":
                data = read(folder, name)
                buffer = bytearray(data)
                messages = [_messages.decode(m) for m in _messages.split(buffer)]
                self.assertFalse(buffer)
                self.assertEqual(b"".join(_messages.frame(_messages.encode(m)) for m in messages), data)
                seen.update(*messages)
            self.assertGreaterEqual(
                seen, {"put_record", "put_record_result", "flush", "metrics_response", "set_credentials"}
            )

    def test_put_record_writes_what_the_wrapper_writes(self):
        for folder in self.sessions():
            data = bytearray(read(folder, "to-child"))
            puts = 0
            for raw in _messages.split(data):
                message = _messages.decode(raw)
                if "put_record" in message:
                    put = {
                        k: v if isinstance(v, bytes) else v.encode("utf-8", "surrogateescape")
                        for k, v in message["put_record"].items()
                    }
                    record = _messages.put_record(
                        put["stream_name"], put["partition_key"], put["data"], put.get("explicit_hash_key", b"")
                    )
                    self.assertEqual(_messages.put_frame(message["id"], record), _messages.frame(raw))
                    puts += 1
            self.assertEqual(puts, 9)

    def test_arguments(self):
        for folder in self.sessions():
            lines = read(folder, "arguments").decode().splitlines()
            for option in "-c", "-k", "-w":
                data = bytes.fromhex(lines[lines.index(option) + 1])
                self.assertEqual(_messages.encode(_messages.decode(data)), data)

    def test_the_wrappers_configuration_is_within_our_limits(self):
        for folder in self.sessions():
            lines = read(folder, "arguments").decode().splitlines()
            fields = _messages.decode(bytes.fromhex(lines[lines.index("-c") + 1]))["configuration"]
            fields["thread_config"] = ["PER_REQUEST", "POOLED"][fields["thread_config"]]
            fields["additional_metric_dims"] = [tuple(d.values()) for d in fields["additional_metric_dims"]]
            _settings.configuration(fields)

    def test_results_say_what_became_of_a_put(self):
        for folder in self.sessions():
            data = bytearray(read(folder, "from-child"))
            messages = [_messages.decode(m) for m in _messages.split(data)]
            outcomes = [outcome(m["put_record_result"]) for m in messages if "put_record_result" in m]
            self.assertEqual(len(outcomes), 9)
            for result, failure in outcomes:
                if result:
                    self.assertTrue(result.shard_id.startswith("shardId-") and result.sequence_number.isdigit())
                    self.assertTrue(result.attempts[-1].success)
                else:
                    self.assertTrue(failure.code and failure.attempts)

    def test_settings_are_those_of_the_project(self):
        """The table in docs/separate-process.md is held by a test of the daemon's own limits."""
        table = read(PROJECT, "docs", "separate-process.md").decode().split("## Configuration")[1].split("\n## ")[0]
        lines = [re.split(r" *(?<!\\)\| *", line) for line in table.splitlines()]
        rows = [cells[1:5] for cells in lines if len(cells) > 5 and cells[1] in _settings.LIMITS]
        self.assertEqual([name for name, *_ in rows], list(_settings.LIMITS))
        self.assertEqual(len([cells for cells in lines if len(cells) > 5]), len(rows) + 2)  # and the head of the table
        kinds = {"number": _settings.Number, "text": _settings.Text, "bool": _settings.Bool}
        for name, kind, _, limits in rows:
            limit = _settings.LIMITS[name]
            self.assertIsInstance(limit, kinds.get(kind, object), name)
            if kind == "number":
                low, high = limits.replace("2^63 − 1", str(2**63 - 1)).split(" … ")
                self.assertEqual((limit.low, limit.high), (int(low), int(high)), name)
            if kind == "text":
                self.assertEqual(limit.pattern, limits.strip("`").replace("\\|", "|"), name)


class Codec(unittest.TestCase):
    def test_the_worked_example_of_the_docs(self):
        frame = bytes.fromhex("0000001a 0801 1a16 0a066f7264657273 12056b65792d31 22056669727374")
        self.assertEqual(_messages.put_frame(1, _messages.put_record(b"orders", b"key-1", b"first", b"")), frame)

    def test_numbers(self):
        for n in 0, 1, 127, 128, 300, 2**32 - 1, 2**63 - 1, 2**64 - 1:
            self.assertEqual(_messages.decode(_messages.encode({"id": n})), {"id": n})

    def test_unknown_fields_of_each_wire_type_are_passed_over(self):
        unknown = b"\xa0\x06\x05" + b"\xa1\x06" + bytes(8) + b"\xa2\x06\x02ab" + b"\xa5\x06" + bytes(4)
        self.assertEqual(_messages.decode(unknown + b"\x08\x07" + unknown), {"id": 7})

    def test_a_frame_is_whole_only_with_its_last_byte(self):
        frame = _messages.put_frame(300, _messages.put_record(b"s", b"k", b"x" * 300, b"5"))
        buffer = bytearray()
        for i, byte in enumerate(frame * 2):
            buffer.append(byte)
            self.assertEqual(len(list(_messages.split(buffer))), (i + 1) % len(frame) == 0)

    def test_bytes_that_are_no_message_are_said_to_be_none(self):
        whole = _messages.encode(
            {
                "id": 1,
                "source_id": 300,
                "put_record_result": {"success": True, "shard_id": "s", "sequence_number": "49"},
            }
        )
        for cut in range(len(whole)):
            try:
                _messages.decode(whole[:cut])
            except _messages.ProtocolError:
                pass
        rng = random.Random(14)
        for _ in range(3000):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                outcome(_messages.decode(bytes(data)).get("put_record_result", {}))
            except _messages.ProtocolError:
                pass

    def test_a_length_beyond_the_limit(self):
        with self.assertRaisesRegex(_messages.ProtocolError, "the limit is 12582912"):
            list(_messages.split(bytearray(struct.pack(">I", (12 << 20) + 1))))


if __name__ == "__main__":
    unittest.main()
