"""A checkout that was set up, and real servers started by what deploy/ ships: what has no engine runs without one."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
ADMIN = "keeper@example.org"
ADMIN_PASSWORD = "a superuser's password"


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, ask, seconds=30):
    """Asks until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if answer := ask():
                return answer
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


def ask(port, method, path, body=None, **headers):
    """One request, whose path goes out letter by letter. Gives the status, and what was said."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body or "")))
    connection.endheaders((body or "").encode())
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    try:
        return answer.status, json.loads(said)
    except ValueError:
        return answer.status, said


@contextlib.contextmanager
def running(*words, log, **more):
    """A program, for as long as it is needed."""
    with open(log, "ab") as out:
        program = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """Gives a copy of what is shipped, whose setup was run with these words."""

    def make(*words):
        root = tmp_path_factory.mktemp("checkout")
        folder = root / "deploy"
        shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns(".env", "secrets"))
        shutil.copy(ROOT / "Dockerfile", root)
        done = run(folder / "setup", *words)
        assert done.returncode == 0, done.stderr
        return folder

    return make


@pytest.fixture(scope="module")
def folder(checkout):
    """A checkout whose setup was run."""
    return checkout("habits.example.org")


def settings_of(folder):
    lines = [line for line in (folder / ".env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


class Accounts:
    """PocketBase, as deploy/pocketbase starts it."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.data = folder / "data"
        self.password = folder / "password"
        self.password.write_text(ADMIN_PASSWORD)

    @contextlib.contextmanager
    def started(self, **env):
        env = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PB_ADMIN_EMAIL": ADMIN,
            "PB_ADMIN_PASSWORD_FILE": str(self.password),
            "PB_LISTEN": f"127.0.0.1:{self.port}",
            "PB_DATA": str(self.data),
            # All that is asked here comes from this machine, more than is allowed to people.
            "PB_HUBS": "127.0.0.1",
            "PB_MIGRATIONS": str(DEPLOY / "pocketbase/migrations"),
        } | env
        with running(DEPLOY / "pocketbase/start", log=self.folder / "log", env=env, cwd=self.folder) as program:
            def answers():
                assert program.poll() is None, (self.folder / "log").read_text()
                return ask(self.port, "GET", "/api/health")[0] == 200

            until("PocketBase answers", answers)
            yield program

    def log(self):
        return (self.folder / "log").read_text()

    def login(self, email=ADMIN, password=ADMIN_PASSWORD, collection="_superusers", **headers):
        body = {"identity": email, "password": password}
        return ask(self.port, "POST", f"/api/collections/{collection}/auth-with-password", body, **headers)

    def add(self, email, password):
        token = self.login()[1]["token"]
        body = {"email": email, "password": password, "passwordConfirm": password}
        status, made = ask(self.port, "POST", "/api/collections/users/records", body, Authorization=token)
        assert status == 200, made
        return made["id"]
