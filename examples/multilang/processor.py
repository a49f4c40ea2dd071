import base64, json, os, sys
last = None
for event in map(json.loads, sys.stdin.buffer):
    if event["event"] == "record":
        os.write(2, b"order: " + base64.b64decode(event["data"]) + b"\n")  # bytes: what was put need not be text
        last = event["position"]
    elif event["event"] == "batch-end" and last:
        print(json.dumps({"checkpoint": last}), flush=True)
    elif event["event"] == "shutdown":
        break
