"""Asks URL for one prediction until it comes, for SECONDS at most; exits with 1 and the last reason where it does not."""

import json
import sys
import time
import urllib.error
import urllib.request

url, seconds = sys.argv[1], float(sys.argv[2])
deadline, reason = time.monotonic() + seconds, ""
while True:
    body = json.dumps({"instances": [{"limit": 5}]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            prediction = json.load(answer)["predictions"][0]
    except urllib.error.HTTPError as error:
        now = f"{error.code} {error.read(500).decode(errors='replace')}"
        if error.code < 500 and error.code != 404 and error.code != 429:
            sys.exit(f"{url} answers {now}")
    except OSError as error:
        now = str(error)
    else:
        print(json.dumps(prediction, indent=1))
        sys.exit(0 if prediction["items"] else f"{url} answers without items")
    if now != reason:
        print(f"waiting: {now}", flush=True)
        reason = now
    if time.monotonic() > deadline:
        sys.exit(f"no prediction from {url} within {seconds:.0f} s: {reason}")
    time.sleep(2)
