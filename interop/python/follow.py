"""A consumer on boto3 that follows a stream through splits and merges, as its users write one.

It reads a shard once its parents have ended. Each record is a JSON line on standard output; once a line has come back,
the record is taken, and its sequence number is the shard's position in the file POSITIONS. Nothing here knows of a proxy:
AWS_ENDPOINT_URL_KINESIS leads there.

usage: follow.py STREAM POSITIONS
"""

import base64
import json
import os
import sys
import time

import boto3

END = "end"


def load(path):
    if not os.path.exists(path):
        return {}
    with open(path) as lines:
        return dict(line.split() for line in lines)


def save(path, positions):
    with open(path + ".new", "w") as new:
        new.writelines(f"{shard} {position}\n" for shard, position in positions.items())
    os.replace(path + ".new", path)


def hand_over(shard, record):
    line = {"shard": shard, "number": record["SequenceNumber"], "data": base64.b64encode(record["Data"]).decode()}
    print(json.dumps(line), flush=True)
    if not sys.stdin.readline():
        os._exit(0)


def start(client, stream, shard, position):
    where = {"ShardIteratorType": "TRIM_HORIZON"}
    if position:
        where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
    return client.get_shard_iterator(StreamName=stream, ShardId=shard, **where)["ShardIterator"]


def main():
    stream, path = sys.argv[1:]
    client = boto3.client("kinesis")
    positions, iterators = load(path), {}
    while True:
        for shard in client.list_shards(StreamName=stream)["Shards"]:
            name = shard["ShardId"]
            parents = [shard[p] for p in ("ParentShardId", "AdjacentParentShardId") if p in shard]
            if positions.get(name) == END or any(positions.get(p) != END for p in parents):
                continue
            if name not in iterators:
                iterators[name] = start(client, stream, name, positions.get(name))
            answer = client.get_records(ShardIterator=iterators[name], Limit=100)
            for record in answer["Records"]:
                hand_over(name, record)
                positions[name] = record["SequenceNumber"]
                save(path, positions)
            iterators[name] = answer.get("NextShardIterator")
            if not iterators[name]:
                positions[name] = END
                save(path, positions)
        time.sleep(0.05)


main()
