"""Settings, credentials and what put takes."""

import os
import tempfile
import unittest
from datetime import datetime, timedelta, timezone

from kplkit import Credentials, CredentialsError, KplkitError, Producer, SettingError, find_credentials
from kplkit import _producer, _settings, _supervisor
from kplkit._credentials import find_endpoint, find_region, search

from .fake import KEYS, FakeTest


class Settings(unittest.TestCase):
    def test_limits(self):
        good = {
            "rate_limit": [1, 100, 2**63 - 1],
            "collection_max_count": [1, 500],
            "region": ["", "us-east-1", "us-gov-west-1"],
            "metrics_namespace": ["Mine", "x" * 255],
            "kinesis_endpoint": ["kinesis.local", "http://127.0.0.1:4567", "https://[::1]:4567"],
            "metrics_level": ["none"],
            "verify_certificate": [True],
            "thread_config": ["POOLED"],
            "additional_metric_dims": [[], [("host", "a", "global")]],
        }
        bad = {
            "rate_limit": [0, 2**63, "100", 1.5, True, None],
            "collection_max_count": [501],
            "region": ["us-east", "us-east-1\n", "eu-west-12", 1],
            "metrics_namespace": ["", "AWS/Kinesis", "x" * 256, "two\nlines"],
            "kinesis_endpoint": ["http://", "ftp://a", "a:4567", "a b"],
            "metrics_level": ["all", "none|summary"],
            "verify_certificate": [1, "true"],
            "thread_config": ["pooled", 1],
            "additional_metric_dims": [[("host", "a")], [("host", "a", "planet")], [("host", 1, "global")]],
        }
        for name, values in good.items():
            for value in values:
                _settings.configuration({name: value})
        for name, values in bad.items():
            for value in values:
                with self.subTest(name=name, value=value), self.assertRaises(SettingError) as caught:
                    _settings.configuration({name: value})
                self.assertIn(name, str(caught.exception))

    def test_errors_name_the_setting_and_its_limits(self):
        with self.assertRaises(SettingError) as caught:
            Producer(rate_limit=0, region="us-east-1", credentials=KEYS)
        self.assertEqual(str(caught.exception), "rate_limit is 0, want a number from 1 to 9223372036854775807")
        with self.assertRaisesRegex(SettingError, "rateLimit.*one of the KPL's settings: .*rate_limit"):
            Producer(rateLimit=5, region="us-east-1", credentials=KEYS)
        with self.assertRaises(SettingError) as caught:
            _settings.configuration({"proxy_password": 12345})
        self.assertNotIn("12345", str(caught.exception))

    def test_parameters(self):
        for parameters, what in (
            ({"command": "kplkit daemon"}, "command"),
            ({"command": []}, "command"),
            ({"command": ["kplkit", None]}, "command"),
            ({"command": ["kpl\0kit"]}, "command"),
            ({"max_buffered": 1}, "max_buffered"),
            ({"max_buffered": (250 << 20) + 1}, "max_buffered.*250 MiB"),
            ({"endpoint": "https://a", "kinesis_endpoint": "b"}, "endpoint"),
        ):
            with self.subTest(parameters), self.assertRaisesRegex(SettingError, what):
                Producer(**{"region": "us-east-1", "credentials": KEYS, **parameters})


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.env = {
            "AWS_SHARED_CREDENTIALS_FILE": os.path.join(folder.name, "credentials"),
            "AWS_CONFIG_FILE": os.path.join(folder.name, "config"),
        }

    def write(self, name, text):
        with open(self.env["AWS_CONFIG_FILE" if name == "config" else "AWS_SHARED_CREDENTIALS_FILE"], "w") as file:
            file.write(text)

    def find(self, **env):
        return find_credentials({**self.env, **env})

    def test_the_environment_comes_first(self):
        self.write("credentials", "[default]\naws_access_key_id = F\naws_secret_access_key = G\n")
        keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}
        self.assertEqual(self.find(**keys), Credentials("A", "B"))
        self.assertEqual(self.find(**keys, AWS_SESSION_TOKEN="T"), Credentials("A", "B", "T"))
        with self.assertRaisesRegex(CredentialsError, "AWS_SECRET_ACCESS_KEY"):
            self.find(AWS_ACCESS_KEY_ID="A")

    def test_profiles(self):
        self.write(
            "credentials",
            "# mine\n[default]\naws_access_key_id=F\naws_secret_access_key=G%:=/+\n\n"
            "[work]\naws_access_key_id = W\naws_secret_access_key = X\naws_session_token = T==\n",
        )
        self.write(
            "config",
            "[default]\nregion = eu-west-1\naws_access_key_id = C\ns3 =\n  max_queue_size = 10\n"
            "[profile work]\nregion = us-west-2\n[profile ci]\naws_access_key_id = Y\naws_secret_access_key = Z\n",
        )
        self.assertEqual(self.find(), Credentials("F", "G%:=/+"))
        self.assertEqual(self.find(AWS_PROFILE="work"), Credentials("W", "X", "T=="))
        self.assertEqual(self.find(AWS_DEFAULT_PROFILE="ci"), Credentials("Y", "Z"))
        self.assertEqual(find_region({**self.env, "AWS_PROFILE": "work"}), "us-west-2")
        self.assertEqual(find_region({**self.env, "AWS_REGION": "us-east-2", "AWS_PROFILE": "work"}), "us-east-2")
        with self.assertRaisesRegex(CredentialsError, "the profile other has none"):
            self.find(AWS_PROFILE="other")
        self.write("credentials", "[default]\naws_access_key_id = F\n")
        self.write("config", "")
        with self.assertRaisesRegex(CredentialsError, "the profile default has aws_access_key_id but no aws_secret"):
            self.find()

    def test_endpoint(self):
        one, all_ = {"AWS_ENDPOINT_URL_KINESIS": "http://a:1"}, {"AWS_ENDPOINT_URL": "http://b:2"}
        for env, want in [({}, ""), (one, "http://a:1"), (all_, "http://b:2"), ({**one, **all_}, "http://a:1")]:
            self.assertEqual(find_endpoint(env), want)
            self.assertEqual(find_endpoint({**env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}), "")

    def test_nothing_is_found(self):
        self.assertIsNone(search(self.env))
        self.write("config", "[default]\nsso_session = x\n")
        self.assertIsNone(search(self.env))

    def test_a_file_that_is_damaged_is_named_and_its_text_is_not(self):
        self.write("credentials", "[default]\naws_secret_access_key SECRET\n")
        with self.assertRaises(CredentialsError) as caught:
            self.find()
        self.assertIn(self.env["AWS_SHARED_CREDENTIALS_FILE"] + ", line 2", str(caught.exception))
        self.assertNotIn("SECRET", str(caught.exception).replace(self.env["AWS_SHARED_CREDENTIALS_FILE"], ""))
        self.assertIsNone(caught.exception.__cause__)

    def test_no_secret_in_a_traceback(self):
        self.assertNotIn("SECRET", repr(KEYS))


class Renewal(FakeTest):
    def test_fresh_credentials_are_sent_and_failures_are_survived(self):
        self.set(_FRESH=0.05, _FRESH_AGAIN=0.05)
        answers = [
            Credentials("one", "S"),
            OSError("out of reach"),
            Credentials("one", "S"),
            Credentials("two", "S", "T"),
        ]
        calls = []

        def fresh():
            calls.append(1)
            answer = answers[min(len(calls), len(answers)) - 1]
            if isinstance(answer, Exception):
                raise answer
            return answer

        with self.assertLogs("kplkit", "ERROR") as logs, self.producer({}, credentials=fresh) as p:
            while len(calls) < 6:
                p.put("s", "k", b"x").result(5)
        self.assertIn("out of reach", logs.output[0])
        self.assertEqual([line for line in self.received(0) if "cred" in line], ["credentials one", "credentials two"])

    def test_when_to_renew(self):
        now = datetime.now(timezone.utc)
        until = lambda seconds: _supervisor._until_renewal(
            Credentials("a", "b", None, now + timedelta(seconds=seconds))
        )
        self.assertEqual(_supervisor._until_renewal(Credentials("a", "b")), 300)
        self.assertAlmostEqual(until(400), 100, delta=1)
        self.assertEqual((until(3600), until(100), until(-5)), (300, 10, 10))

    def test_what_a_callable_returns_is_checked(self):
        for answer, what in ((("a", "b"), "tuple"), (Credentials("a", "b", None, datetime(2026, 1, 1)), "time zone")):
            with self.assertRaisesRegex(CredentialsError, what):
                self.producer({}, credentials=lambda: answer)

    def test_endpoint_of_the_environment(self):
        local, none, far = "http://127.0.0.1:4567", "none", "https://a.test"
        for env, settings, endpoint, level in (
            ("", {}, "", ""),
            (far, {}, far, ""),
            (local, {}, local, none),
            (far, {"endpoint": local}, local, none),
            (far, {"kinesis_endpoint": "localhost"}, "localhost", none),
            (local, {"metrics_level": "summary"}, local, "summary"),
            (local, {"cloudwatch_endpoint": "b.test"}, local, ""),
        ):
            self.patch(_producer, find_endpoint=lambda: env)
            with self.subTest(env=env, settings=settings), self.producer({}, **settings) as p:
                words = bytes.fromhex(p._supervisor._command[p._supervisor._command.index("-c") + 1])
                for want in (local, far, "localhost"):
                    self.assertEqual(want.encode() in words, want == endpoint)
                for want in (none, "summary"):
                    self.assertEqual(want.encode() in words, want == level)

    def test_without_keys_the_child_looks_itself(self):
        self.patch(_producer, search=lambda: None)
        with self.producer({}, credentials=None) as p:
            self.assertEqual(p._supervisor._command[-1], "--default-credentials")
            p.put("s", "k", b"x").result(5)
        self.assertEqual(self.keys(0), ["k"])
        self.assertNotIn("credentials", " ".join(self.received(0)))


class Puts(FakeTest):
    def test_what_is_not_taken(self):
        with self.producer({}) as p:
            for args, what in (
                (("", "k", b"x"), "stream"),
                (("s", "", b"x"), "partition key"),
                (("s", "k" * 257, b"x"), "257 characters"),
                (("s", "k", b"x", "-1"), "explicit hash key"),
                (("s", "k", b"x", str(2**128)), "explicit hash key"),
                (("s", "k", b"x", "١"), "explicit hash key"),
                (("s", "k", b"x", ""), "explicit hash key"),
                (("s", "k", bytes(11 << 20)), "does not fit"),
            ):
                with self.subTest(what), self.assertRaisesRegex(ValueError, what):
                    p.put(*args)
            for args, what in (
                (("s", "k", "text"), "the data is a str, want bytes.*encode"),
                (("s", "k", None), "the data is a NoneType"),
                (("s", b"k", b"x"), "the partition key is b'k', want a str"),
            ):
                with self.subTest(what), self.assertRaisesRegex(TypeError, what):
                    p.put(*args)
            self.assertEqual(p.outstanding, 0)
            p.put("s", "k" * 256, memoryview(bytearray(b"x")), str(2**128 - 1)).result(5)

    def test_leading_zeros_of_a_hash_key_are_dropped(self):
        with self.producer({}) as p:
            for key in "007", "000", "7":
                p.put("s", "k", b"x", key).result(5)
        self.assertEqual([line.split()[2] for line in self.received(0) if line[0].isdigit()], ["7", "0", "7"])

    def test_errors_are_of_one_family(self):
        self.assertTrue(issubclass(SettingError, KplkitError) and issubclass(SettingError, ValueError))


if __name__ == "__main__":
    unittest.main()
