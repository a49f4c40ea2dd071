"""Puts user records with clients/python: lines as those of java/kpl/Put.java go in and out. See put.go."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))

from kplkit import Producer, PutFailed


def answer(line, future):
    try:
        result = future.result()
        fields = (result.shard_id, result.sequence_number, str(len(result.attempts)), "")
    except PutFailed as error:
        fields = ("", "", str(len(error.attempts)), str(error).replace("\n", " "))
    sys.stdout.write("\t".join((line, *fields)) + "\n")
    sys.stdout.flush()


def main():
    command = [os.environ["ROW_KPLKIT"], "daemon"]
    endpoint = os.environ["ROW_KINESIS"]
    per_aggregate = os.environ.get("ROW_PER_AGGREGATE")
    settings = {"aggregation_max_count": int(per_aggregate)} if per_aggregate else {}
    with Producer(command, endpoint=endpoint, metrics_level="none", **settings) as producer:
        for line in sys.stdin:
            line = line.rstrip("\n")
            _, stream, key, data = line.split("\t")
            future = producer.put(stream, key, data.encode())
            future.add_done_callback(lambda future, line=line: answer(line, future))


main()
