"""Writes the user records' data of a capture, a line each, by aws_kinesis_agg."""

import base64
import json
import sys

from aws_kinesis_agg.deaggregator import iter_deaggregate_records

out = sys.stdout.buffer
with open(sys.argv[1], "rb") as capture:
    for line in capture:
        stored = json.loads(line)
        event = {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": stored["sequence_number"],
            "partitionKey": stored["partition_key"],
            "approximateArrivalTimestamp": stored["approximate_arrival_timestamp"],
            "data": stored["data"],
        }
        for user in iter_deaggregate_records([{"kinesis": event}]):
            out.write(base64.b64decode(user["kinesis"]["data"]))
            out.write(b"\n")
