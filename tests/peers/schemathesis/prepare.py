"""Sets a hub up for its caller and gives it something to be asked about.

Prints its address, a session's token and the secret of a display that waits. Writes, beside run.json, a configuration
in which most calls about one thing name a thing that is there: made-up ids alone never get further than a 404.
"""

import json
import os
import sys
import urllib.request

with open(sys.argv[1], encoding="utf-8") as file:
    run = json.load(file)
base = f"http://127.0.0.1:{run['http']}"


def ask(method, path, body=None, token=None, read=json.load):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(base + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return read(answer)


session = ask(
    "POST",
    "/api/setup",
    {
        "setup_code": run["setup_code"],
        "email": "ada@example.org",
        "password": "correct horse battery",
        "display_name": "Ada",
    },
)
token = session["access_token"]


def post(path, body):
    return ask("POST", path, body, token)


# A dozen of each: some are deleted on the way.
habits = [post("/api/habits", {"name": f"Read {n}"})["id"] for n in range(8)]
habits += [
    post("/api/habits", {"name": f"Drink {n}", "kind": "measurable", "target_value": 8})["id"] for n in range(4)
]
habits += [post("/api/habits", {"name": f"Smoke {n}", "kind": "avoid"})["id"] for n in range(4)]
for habit in habits[:12]:
    post(f"/api/habits/{habit}/complete", {})
pauses = [
    post("/api/pauses", {"from_date": f"2026-{n:02}-01", "to_date": f"2026-{n:02}-02"})["id"] for n in range(1, 10)
]
devices = [post("/api/devices", {"name": f"Button {n}", "kind": "button"})["device_id"] for n in range(8)]
tokens = [post("/api/tokens", {"name": f"Script {n}"})["id"] for n in range(8)]
routines, variants, runs = [], [], []
for n in range(8):
    routines.append(post("/api/routines", {"name": f"Morning {n}"})["id"])
    steps = {"steps": [{"habit_id": habit} for habit in habits[n : n + 3]]}
    ask("PUT", f"/api/routines/{routines[n]}/steps", steps, token)
    variants.append(post(f"/api/routines/{routines[0]}/variants", {"name": f"Short {n}"})["id"])
    runs.append(post(f"/api/routines/{routines[n]}/start", {})["run"]["id"])
lost = [{"op_id": n, "op": "PUT", "table": "habits", "id": f"odd-{n}", "data": {"kind": "odd"}} for n in range(8)]
post("/api/data", {"client_id": "client", "batch": lost})
conflicts = [conflict["id"] for conflict in ask("GET", "/api/conflicts", token=token)["items"]]
people = [
    post("/api/users", {"email": f"p{n}@example.org", "password": "correct horse", "display_name": f"P{n}"})["user_id"]
    for n in range(3)
]
table = ask("GET", "/api/export?format=csv", token=token, read=lambda answer: answer.read())
imports = [ask("POST", "/api/imports?file_name=days.csv", table.replace(b"Read", b"Write"), token)["id"]]
backups = [post("/api/backups", {})["name"]]
display = ask("POST", "/api/displays")

# By the path of its routes: which parameter names which thing.
THINGS = {
    "^/api/habits/": {"id": habits},
    "^/api/pauses/": {"id": pauses},
    "^/api/devices/": {"id": devices},
    "^/api/tokens/": {"id": tokens},
    "^/api/routines/runs/": {"id": runs},
    "^/api/routines/[{]id[}]/variants/": {"id": routines[:1], "variant": variants},
    "^/api/routines/[{]id[}](/(start|steps|runs|variants))?$": {"id": routines},
    "^/api/conflicts/": {"id": conflicts},
    "^/api/users/": {"id": people},
    "^/api/imports/": {"id": imports},
    "/download$": {"name": backups},
    "^/api/displays/[{]": {"code": [display["code"]]},
    "^/probes/": {"probe": ["startup", "liveness", "readiness"]},
}
dictionaries = {}
lines = [f"hooks = {json.dumps(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'hooks.py'))}", ""]
for path, parameters in THINGS.items():
    # Few of them are deleted, so that there is something left to ask about.
    for method, probability in (("include-method", 0.05), ("exclude-method", 0.8)):
        lines += ["[[operations]]", f"include-path-regex = {json.dumps(path)}", f'{method} = "DELETE"']
        for parameter, values in parameters.items():
            name = f"d{len(dictionaries)}"
            dictionaries[name] = values
            binding = f'{{ dictionary = "{name}", probability = {probability} }}'
            lines.append(f'parameters."path.{parameter}" = {binding}')
        lines.append("")
for name, values in dictionaries.items():
    lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}", ""]
with open(os.path.join(os.path.dirname(sys.argv[1]), "schemathesis.toml"), "w", encoding="utf-8") as file:
    file.write("\n".join(lines))
print(base, token, display["poll_secret"])
