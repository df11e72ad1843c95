"""PocketBase, as deploy/pocketbase starts it: its superuser, whose password is seen by nobody, and from where it may come."""

import pytest
from conftest import ADMIN_PASSWORD, BIN, Accounts, ask, run, settings_of


@pytest.fixture
def accounts(tmp_path):
    return Accounts(tmp_path)


def test_the_password_is_no_argument_and_is_followed(accounts, tmp_path):
    # Everything that is started while it starts, by a pocketbase that notes its arguments and goes on.
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "pocketbase").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec {BIN}/pocketbase "$@"\n')
    (spy / "pocketbase").chmod(0o755)
    path = f"{spy}:/usr/bin:/bin"
    with accounts.started(PATH=path):
        assert accounts.login()[0] == 200
        token = accounts.login()[1]["token"]
    assert ADMIN_PASSWORD not in (tmp_path / "arguments").read_text()
    assert ADMIN_PASSWORD not in accounts.log()
    # Started again, nothing is written anew, and who was signed in stays so.
    with accounts.started(PATH=path):
        assert ask(accounts.port, "POST", "/api/collections/_superusers/auth-refresh", Authorization=token)[0] == 200
    # Another password, with the line's end of an editor.
    accounts.password.write_text("another long password\n")
    with accounts.started(PATH=path):
        assert accounts.login()[0] == 400
        assert accounts.login(password="another long password")[0] == 200
    assert "another long password" not in (tmp_path / "arguments").read_text() + accounts.log()


def test_what_the_hub_could_not_sign_in_with_does_not_start(accounts):
    accounts.password.write_text("short")
    with pytest.raises(AssertionError), accounts.started():
        pass
    assert "password" in accounts.log()


def test_a_superuser_comes_from_where_it_may_only(accounts):
    with accounts.started(PB_SUPERUSERS_FROM="127.0.0.1,10.84.20.10"):
        accounts.add("ada@example.org", "ada's own password")
        token = accounts.login()[1]["token"]
        # Somebody whom the proxy brings, with the password or a token that got out.
        elsewhere = {"X-Forwarded-For": "203.0.113.9"}
        assert accounts.login(**elsewhere)[0] == 403
        assert ask(accounts.port, "GET", "/api/settings", Authorization=token, **elsewhere)[0] == 403
        assert ask(accounts.port, "GET", "/api/settings", Authorization=token)[0] == 200
        # People come from everywhere.
        assert accounts.login("ada@example.org", "ada's own password", "users", **elsewhere)[0] == 200
    # The network has other numbers.
    with accounts.started(PB_SUPERUSERS_FROM="10.99.1.10"):
        assert accounts.login()[0] == 403
    # Nothing is said: as its settings are.
    with accounts.started():
        assert accounts.login()[0] == 403
    done = run(BIN / "pocketbase", "superuser", "ips", "--dir", accounts.data)
    assert done.returncode == 0, done.stderr
    with accounts.started():
        assert accounts.login()[0] == 200


def test_the_keeper_of_a_server_without_a_name_is_one(accounts, checkout):
    for words in [[], ["nas"], ["192.168.1.5"], ["habits.example.org"]]:
        keeper = settings_of(checkout(*words))["KAIROS_ADMIN_EMAIL"]
        with accounts.started(PB_ADMIN_EMAIL=keeper):
            assert accounts.login(keeper)[0] == 200, keeper
