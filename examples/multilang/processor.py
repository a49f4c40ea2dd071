import base64, json, sys
last = None
for event in map(json.loads, sys.stdin):
    if event["event"] == "record":
        print("order:", base64.b64decode(event["data"]).decode(), file=sys.stderr)
        last = event["position"]
    elif event["event"] == "batch-end" and last:
        print(json.dumps({"checkpoint": last}), flush=True)
    elif event["event"] == "shutdown":
        break
