"""De-aggregates with aws_kinesis_agg: stored records in, user records out, as JSON lines."""

import json
import platform
import sys
from importlib.metadata import version

from aws_kinesis_agg.deaggregator import iter_deaggregate_records


def versions():
    packages = ("aws_kinesis_agg", "protobuf")
    print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in packages}}))


def lambda_record(stored):
    """The form in which a Lambda function gets a stored record."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": stored["sequence_number"],
            "partitionKey": stored["partition_key"],
            "approximateArrivalTimestamp": 0,
            "data": stored["data"],
        }
    }


def user_record(user):
    kinesis = user["kinesis"]
    data = kinesis["data"]
    return {
        "sequence_number": kinesis["sequenceNumber"],
        "sub_sequence_number": kinesis.get("subSequenceNumber"),
        "aggregated": kinesis.get("aggregated", False),
        "partition_key": kinesis["partitionKey"],
        "explicit_hash_key": kinesis.get("explicitHashKey"),
        "data": data.decode() if isinstance(data, bytes) else data,
    }


def main():
    if "--versions" in sys.argv:
        versions()
        return
    for line in sys.stdin:
        for user in iter_deaggregate_records([lambda_record(json.loads(line))]):
            print(json.dumps(user_record(user)))


main()
