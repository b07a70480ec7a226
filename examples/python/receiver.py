"""Receives the webhooks of three systems, as a program does that has no gateway
before it: it checks each signature itself and answers as the sender's document
asks. It works the same behind the gateway, unchanged; only then do the headers
that it prints have a value.
"""

import hashlib
import hmac
import json
import os
import sys

from flask import Flask, request
from werkzeug.exceptions import BadRequest
from werkzeug.serving import make_server

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 10 * 1024 * 1024  # TaskFlow sends up to 10 MB


def secret(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set")
    return value.encode()


TOOLIFY_API_KEY = secret("TOOLIFY_API_KEY")
GENERIC_SECRET = secret("GENERIC_WEBHOOK_SECRET")
TASKFLOW_SECRET = secret("TASKFLOW_WEBHOOK_SECRET")


def hex_hmac(key):
    """Signs the bytes as sent: the body is not parsed before it is verified."""
    return hmac.new(key, request.get_data(), hashlib.sha256).hexdigest().encode()


def signed_with(expected, header):
    """Takes the same time wherever the two differ."""
    return hmac.compare_digest(request.headers.get(header, "").encode(), expected)


def process(system, type_key):
    try:
        event = json.loads(request.get_data())
    except ValueError:
        raise BadRequest("malformed JSON")
    # The work: here, to print a line.
    line = {
        "system": system,
        "type": event.get(type_key),
        "message_id": request.headers.get("Webhook-Gateway-Message-Id"),
        "event_id": request.headers.get("Webhook-Gateway-Event-Id"),
        "attempt": request.headers.get("Webhook-Gateway-Attempt"),
    }
    # In one piece, since requests are served by several threads.
    print(json.dumps(line) + "\n", end="", flush=True)


@app.post("/toolify")
def toolify():
    # The signature is the API key itself.
    if not signed_with(TOOLIFY_API_KEY, "X-Webhook-Signature"):
        return {"error": "Invalid signature"}, 401
    process("toolify", "event")
    return {"received": True}


@app.post("/generic")
def generic():
    if not signed_with(hex_hmac(GENERIC_SECRET), "X-Webhook-Signature"):
        return {"error": "Invalid signature"}, 401
    process("generic", "type")
    return {"status": "received"}


@app.post("/taskflow")
def taskflow():
    if not signed_with(b"sha256=" + hex_hmac(TASKFLOW_SECRET), "X-TaskFlow-Signature"):
        return "Invalid signature", 401, {"Content-Type": "text/plain"}
    process("taskflow", "type")
    return "OK", 200, {"Content-Type": "text/plain"}


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "9000")), app, threaded=True)
    print(f"listening on {server.host}:{server.server_port}", flush=True)
    server.serve_forever()
