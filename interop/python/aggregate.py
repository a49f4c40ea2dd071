"""Aggregates with aws_kinesis_agg: user records in, stored records out, as JSON lines.

The argument is how many user records go into an aggregate; 0: each is a stored record by itself.
"""

import base64
import json
import sys

from aws_kinesis_agg.aggregator import RecordAggregator


def write(partition_key, explicit_hash_key, data):
    line = {"partition_key": partition_key, "explicit_hash_key": explicit_hash_key, "data": base64.b64encode(data).decode()}
    print(json.dumps(line))


def main():
    per_aggregate = int(sys.argv[1])
    aggregator = RecordAggregator()
    for line in sys.stdin:
        user = json.loads(line)
        data = base64.b64decode(user["data"])
        if per_aggregate == 0:
            write(user["partition_key"], None, data)
            continue
        aggregator.add_user_record(user["partition_key"], data)
        if aggregator.get_num_user_records() == per_aggregate:
            write(*aggregator.clear_and_get().get_contents())
    if aggregator.get_num_user_records() > 0:
        write(*aggregator.clear_and_get().get_contents())


main()
