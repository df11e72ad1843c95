"""Sets a hub up for its caller and gives it something to be asked about. Prints its address and a session's token."""

import json
import sys
import urllib.request

with open(sys.argv[1], encoding="utf-8") as file:
    run = json.load(file)
base = f"http://127.0.0.1:{run['http']}"


def post(path, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


session = post(
    "/api/setup",
    {
        "setup_code": run["setup_code"],
        "email": "ada@example.org",
        "password": "correct horse battery",
        "display_name": "Ada",
    },
)
token = session["access_token"]
habit = post("/api/habits", {"name": "Read"}, token)
post(f"/api/habits/{habit['id']}/complete", {}, token)
post("/api/pauses", {"from_date": "2026-01-01", "to_date": "2026-01-02"}, token)
print(base, token)
