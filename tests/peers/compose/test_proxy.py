"""The proxy before PocketBase, both real: people sign in through it, and a superuser does not, however the address is spelled."""

import json
import os

import pytest
from conftest import ADMIN, ADMIN_PASSWORD, BIN, DEPLOY, Accounts, ask, free_port, run, running, until

ACCOUNTS = {"Host": "accounts.habits.example.org"}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    accounts = Accounts(tmp_path_factory.mktemp("accounts"))
    with accounts.started():
        accounts.ada = accounts.add("ada@example.org", "ada's own password")
        accounts.bo = accounts.add("bo@example.org", "bo's own password")
        yield accounts


@pytest.fixture(scope="module")
def proxy(accounts, tmp_path_factory):
    """Its port. Without certificates, which are nobody's here, and with PocketBase where it is; all else is as shipped."""
    folder = tmp_path_factory.mktemp("proxy")
    env = os.environ | {"KAIROS_NAME": "habits.example.org", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    done = run(BIN / "caddy", "adapt", "--config", DEPLOY / "proxy/Caddyfile", "--adapter", "caddyfile", env=env)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower(), done.stderr
    config = json.loads(done.stdout.replace("accounts:8090", f"127.0.0.1:{accounts.port}"))
    port = free_port()
    (server,) = config["apps"]["http"]["servers"].values()
    server |= {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True}}
    config["admin"] = {"disabled": True}
    (folder / "caddy.json").write_text(json.dumps(config))
    with running(BIN / "caddy", "run", "--config", folder / "caddy.json", log=folder / "log", env=env):
        until("Caddy answers", lambda: ask(port, "GET", "/api/health", **ACCOUNTS)[0] == 200)
        yield port


def sign_in(proxy, path, identity=ADMIN, password=ADMIN_PASSWORD):
    return ask(proxy, "POST", path, {"identity": identity, "password": password}, **ACCOUNTS)


def superusers(accounts):
    """What PocketBase takes for the name of the collection: the id that it has in every PocketBase, and the name that everybody knows."""
    token = accounts.login()[1]["token"]
    found = ask(accounts.port, "GET", "/api/collections/_superusers", Authorization=token)[1]
    return [found["id"], "_superusers"]


def spellings(name):
    """How a name of a collection, and the way to it, may be written."""
    names = [name, name.upper(), name.title(), f"%{ord(name[0]):02x}{name[1:]}", f"%25{ord(name[0]):02x}{name[1:]}", f" {name}", f"{name} "]
    names = [word.replace(" ", "%20") for word in names]
    for word in names:
        yield f"/api/collections/{word}/auth-with-password"
    for way in [
        "//api/collections/{}/auth-with-password",
        "/api//collections/{}/auth-with-password",
        "/api/collections//{}/auth-with-password",
        "/api/collections/{}//auth-with-password",
        "/api/collections/{}/auth-with-password/",
        "/api/collections/./{}/auth-with-password",
        "/api/collections/users/../{}/auth-with-password",
        "/api/collections/users/%2e%2e/{}/auth-with-password",
        "/api/collections/users%2f..%2f{}/auth-with-password",
        "/api/collections/{}%2fauth-with-password",
        "/api/collections/{}/auth-with-password/..%2f..%2fusers/auth-with-password",
        "/api/collections/{}/auth-with-password%3f/../../users/auth-with-password",
        "/api/collections/{}/auth-with-password?x=/api/collections/users/auth-with-password",
        "/api/collections/{}/auth-with-password#/api/collections/users/auth-with-password",
        "/API/Collections/{}/Auth-With-Password",
        "/%61pi/collections/{}/auth-with-password",
        "/api/collections/{}/%61uth-with-password",
        "/api/collections/{};/auth-with-password",
        "/api/collections/{}%00/auth-with-password",
        "http://accounts.habits.example.org/api/collections/{}/auth-with-password",
        "/_/../api/collections/{}/auth-with-password",
    ]:
        yield way.format(name)


def test_a_superuser_does_not_come_in_however_the_address_is_spelled(accounts, proxy):
    inside = []
    for name in superusers(accounts):
        for path in spellings(name):
            # That PocketBase itself takes some of them is what makes this a test.
            if sign_in(accounts.port, path)[0] == 200:
                inside.append(path)
            status, said = sign_in(proxy, path)
            assert status in (400, 404), f"{path}: {status} {said}"
            assert b"token" not in (said if isinstance(said, bytes) else json.dumps(said).encode()), path
    assert len(inside) >= 4, inside
    # As somebody of the collection that is open they are unknown.
    assert sign_in(proxy, "/api/collections/users/auth-with-password")[0] == 400


def test_nothing_else_of_pocketbase_is_there(accounts, proxy):
    token = accounts.login()[1]["token"]
    for name in superusers(accounts):
        for method, path in [
            ("POST", f"/api/collections/{name}/auth-refresh"),
            ("POST", f"/api/collections/{name}/request-otp"),
            ("POST", f"/api/collections/{name}/request-password-reset"),
            ("GET", f"/api/collections/{name}/records"),
            ("GET", f"/api/collections/{name}"),
            ("POST", f"/api/collections/{name}/impersonate/x"),
        ]:
            assert ask(proxy, method, path, Authorization=token, **ACCOUNTS) == (404, b""), path
    for method, path in [
        ("GET", "/"), ("GET", "/_/"), ("GET", "/_"), ("GET", "/%5f/"), ("GET", "//_/"), ("GET", "/_/index.html"),
        ("GET", "/api/settings"), ("GET", "/api/backups"), ("POST", "/api/backups"), ("GET", "/api/logs"), ("GET", "/api/crons"),
        ("GET", "/api/collections"), ("GET", "/api/collections/users"), ("POST", "/api/batch"), ("POST", "/api/sql"),
        ("GET", "/api/realtime"), ("GET", "/api/collections/users/records"), ("POST", "/api/collections/users/records"),
        ("DELETE", f"/api/collections/users/records/{accounts.ada}"), ("GET", f"/api/collections/USERS/records/{accounts.ada}"),
        ("POST", f"/api/collections/users/impersonate/{accounts.ada}"), ("GET", "/api/collections/users/auth-with-password"),
    ]:
        assert ask(proxy, method, path, Authorization=token, **ACCOUNTS) == (404, b""), f"{method} {path}"


def test_people_and_hubs_find_what_they_need(accounts, proxy):
    assert ask(proxy, "GET", "/api/health", **ACCOUNTS)[0] == 200
    # What a hub of another house asks: hub/src/auth/provider/pocketbase.rs.
    ways = ask(proxy, "GET", "/api/collections/users/auth-methods", **ACCOUNTS)
    assert ways[1]["password"]["enabled"] is True
    status, said = sign_in(proxy, "/api/collections/users/auth-with-password", "ada@example.org", "ada's own password")
    assert status == 200, said
    mine = {"Authorization": said["token"]} | ACCOUNTS
    status, again = ask(proxy, "POST", "/api/collections/users/auth-refresh?fields=token,record.id", **mine)
    assert (status, again["record"]) == (200, {"id": accounts.ada})
    # One's own record, and nobody else's.
    assert ask(proxy, "GET", f"/api/collections/users/records/{accounts.ada}", **mine)[1]["email"] == "ada@example.org"
    assert ask(proxy, "GET", f"/api/collections/users/records/{accounts.bo}", **mine)[0] == 404
    new = {"oldPassword": "ada's own password", "password": "another password", "passwordConfirm": "another password"}
    assert ask(proxy, "PATCH", f"/api/collections/users/records/{accounts.ada}", new, **mine)[0] == 200
    assert sign_in(proxy, "/api/collections/users/auth-with-password", "ada@example.org", "another password")[0] == 200
    for action in ["password-reset", "verification"]:
        asked = ask(proxy, "POST", f"/api/collections/users/request-{action}", {"email": "nobody@example.org"}, **ACCOUNTS)
        assert asked == (204, b""), action
        assert ask(proxy, "POST", f"/api/collections/users/confirm-{action}", {"token": "x"}, **ACCOUNTS)[0] == 400
    assert ask(proxy, "POST", "/api/collections/users/auth-with-oauth2", {"provider": "x"}, **ACCOUNTS)[0] == 403
