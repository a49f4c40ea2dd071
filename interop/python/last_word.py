"""A record processor for kplkit multilang run that stores nothing before it is asked to stop.

What it was handed over it appends to the file that it gets as its argument, and the reason of its end.
"""

import base64
import json
import os
import sys

last = None
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for event in map(json.loads, sys.stdin.buffer):
    if event["event"] == "record":
        last = event["position"]
        os.write(log, base64.b64decode(event["data"]) + b"\n")
        print(json.dumps({"done": last}), flush=True)
    elif event["event"] == "shutdown":
        os.write(log, event["reason"].encode() + b"\n")
        if last:
            print(json.dumps({"checkpoint": last}), flush=True)
        break
