"""A consumer on boto3, as its users write one, with aws_kinesis_agg if ROW_SELF is 1.

It checkpoints after every user record if ROW_CHECKPOINT is sequence-number, ends at the user record END, and stops hard
at the user record ROW_AT. What it does it tells as JSON lines.
"""

import base64
import json
import os
import platform
import sys
import time
from importlib.metadata import version

import boto3
from aws_kinesis_agg.deaggregator import deaggregate_records

CHECKPOINT = os.environ.get("ROW_CHECKPOINT_FILE", "")


def versions():
    packages = ("boto3", "aws_kinesis_agg", "protobuf")
    return {"Python": platform.python_version(), **{name: version(name) for name in packages}}


def say(**line):
    print(json.dumps(line), flush=True)


def start(client, stream):
    """Returns the iterator to begin with: behind the checkpoint, if there is one."""
    shard = client.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    position = {"ShardIteratorType": "TRIM_HORIZON"}
    if os.path.exists(CHECKPOINT):
        with open(CHECKPOINT) as saved:
            position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": saved.read()}
    return client.get_shard_iterator(StreamName=stream, ShardId=shard, **position)["ShardIterator"]


def lambda_record(stored):
    """The form in which aws_kinesis_agg takes a stored record: that of a Lambda function's event."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": stored["SequenceNumber"],
            "partitionKey": stored["PartitionKey"],
            "approximateArrivalTimestamp": stored["ApproximateArrivalTimestamp"].timestamp(),
            "data": base64.b64encode(stored["Data"]).decode(),
        }
    }


def user_records(batch):
    """Yields data, sequence number and sub-sequence number of each record in a batch."""
    if os.environ.get("ROW_SELF") != "1":
        for stored in batch:
            yield stored["Data"], stored["SequenceNumber"], 0
        return
    for user in deaggregate_records([lambda_record(stored) for stored in batch]):
        kinesis = user["kinesis"]
        yield base64.b64decode(kinesis["data"]), kinesis["sequenceNumber"], kinesis.get("subSequenceNumber", 0)


def process(batch):
    for data, sequence_number, sub_sequence_number in user_records(batch):
        say(record=base64.b64encode(data).decode(), sequence_number=sequence_number, sub_sequence_number=sub_sequence_number)
        if os.environ.get("ROW_CHECKPOINT") == "sequence-number":
            with open(CHECKPOINT, "w") as saved:
                saved.write(sequence_number)
            say(checkpoint=sequence_number, error="")
        if data.decode(errors="replace") in ("END", os.environ.get("ROW_AT") or "END"):
            say(stopped=data.decode())
            os._exit(0)


def main():
    if "--versions" in sys.argv:
        print(json.dumps(versions()))
        return
    client = boto3.client(
        "kinesis", region_name="us-east-1", endpoint_url=os.environ["ROW_KINESIS"],
        aws_access_key_id="any", aws_secret_access_key="any",
    )
    iterator = start(client, os.environ["ROW_STREAM"])
    while iterator:
        answer = client.get_records(ShardIterator=iterator, Limit=int(os.environ["ROW_MAX"]))
        process(answer["Records"])
        iterator = answer.get("NextShardIterator")
        if not answer["Records"]:
            time.sleep(0.2)  # as a consumer does that is at the tip


main()
