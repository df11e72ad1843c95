"""Who gets into a real Postgres that has the shipped pg_hba.conf and the certificates that deploy/setup makes."""

import os
import pwd
import shutil
from pathlib import Path

import pytest
from conftest import DEPLOY, free_port, run, running, until
from ruamel.yaml import YAML

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"))
ROOT_RUNS = os.getuid() == 0
AS = {"user": "postgres", "group": "postgres", "extra_groups": []} if ROOT_RUNS else {}


class Server:
    def __init__(self, folder, secrets):
        self.folder, self.port = folder, free_port()
        for file in ["postgres.crt", "postgres.key", "postgres-ca.crt"]:
            shutil.copy(secrets / file, folder)
        (folder / "postgres.key").chmod(0o600)
        self.hba = folder / "pg_hba.conf"
        shutil.copy(DEPLOY / "postgres/pg_hba.conf", self.hba)
        if ROOT_RUNS:
            for path in [folder, *folder.iterdir()]:
                shutil.chown(path, "postgres", "postgres")
        done = self.run("initdb", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D", folder / "data")
        assert done.returncode == 0, done.stderr

    def run(self, program, *words, **env):
        return run(BIN / program, *words, env={"PATH": os.environ["PATH"], "PGCONNECT_TIMEOUT": "10"} | env, cwd="/", **AS)

    def words(self):
        """What compose.yaml tells Postgres about who may come, in the places of this test."""
        told = YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text())["services"]["postgres"]["command"]
        told = [word for word in told if word.startswith(("--ssl", "--hba_file"))]
        assert any(word.startswith("--hba_file=") for word in told), "the image's own lets everybody try"
        return [word.replace("/run/kairos/", f"{self.folder}/").replace("/etc/kairos/", f"{self.folder}/") for word in told]

    def started(self):
        return running(BIN / "postgres", "-D", self.folder / "data", "-p", self.port, "-k", self.folder,
                       "-c", "listen_addresses=127.0.0.1", *self.words(), log=self.folder / "log", cwd="/", **AS)

    def socket(self, sql, database="postgres"):
        return self.run("psql", "-XAtqc", sql, f"host={self.folder} port={self.port} user=postgres dbname={database}")

    def comes_in(self, user, password="secret", database="kairos", **settings):
        settings = {"sslmode": "disable"} | settings
        more = " ".join(f"{key}={value}" for key, value in settings.items())
        done = self.run("psql", "-XAtwc", "SELECT 'in'", f"host=127.0.0.1 port={self.port} user={user} dbname={database} {more}",
                        PGPASSWORD=password)
        assert done.returncode == 0 or "pg_hba.conf" in done.stderr or settings.get("ssl_max_protocol_version"), done.stderr
        return done.returncode == 0

    def comes_in_at_all(self, user):
        return self.socket(f"SELECT 1 FROM pg_roles WHERE rolname = '{user}'").stdout != ""


@pytest.fixture(scope="module")
def server(folder):
    if ROOT_RUNS and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        pytest.skip("nobody to run Postgres as")
    import tempfile

    # A socket's name has to be short, and every folder above it open to the server.
    with tempfile.TemporaryDirectory(prefix="kairos-") as name:
        server = Server(Path(name), folder / "secrets")
        with server.started():
            until("Postgres answers", lambda: server.socket("SELECT 1").stdout == "1\n")
            script = run(DEPLOY / "postgres/init/roles.sh", cwd="/", **AS, env={
                "PATH": f"{BIN}:{os.environ['PATH']}", "PGHOST": name, "PGPORT": str(server.port), "PGUSER": "postgres",
                "KAIROS_DB_PASSWORD": "secret", "POWERSYNC_DB_PASSWORD": "secret"})
            assert script.returncode == 0, script.stderr
            for sql in ["CREATE ROLE kairos_house_k LOGIN PASSWORD 'secret' IN ROLE kairos_hub",
                        "CREATE ROLE stranger LOGIN PASSWORD 'secret'", "ALTER ROLE postgres PASSWORD 'secret'"]:
                done = server.socket(sql)
                assert done.returncode == 0, done.stderr
            yield server


def test_the_superuser_comes_by_the_socket_only(server):
    for mode in ["disable", "require"]:
        for database in ["postgres", "kairos"]:
            assert not server.comes_in("postgres", database=database, sslmode=mode)


def test_houses_come_by_tls_1_3_and_know_whom_they_meet(server):
    house = "kairos_house_k"
    assert not server.comes_in(house)
    assert server.comes_in(house, sslmode="verify-full", sslrootcert=server.folder / "postgres-ca.crt")
    assert not server.comes_in(house, sslmode="require", ssl_max_protocol_version="TLSv1.2")
    assert not server.comes_in(house, database="postgres", sslmode="require")
    for mode in ["disable", "require"]:
        assert not server.comes_in("stranger", sslmode=mode)


def test_what_is_beside_it_comes_from_there_only(server):
    for user in ["kairos", "powersync"]:
        assert server.comes_in(user)
    # The same from an address that is not of the network.
    server.hba.write_text(server.hba.read_text().replace("samenet", "192.0.2.0/24"))
    server.socket("SELECT pg_reload_conf()")
    for user in ["kairos", "powersync"]:
        until("it is refused", lambda user=user: not server.comes_in(user))
        assert not server.comes_in(user, sslmode="require")
    assert server.comes_in("kairos_house_k", sslmode="require")


def test_the_logins_of_houses_come_to_a_new_machine(server, tmp_path):
    for sql in ["CREATE SCHEMA IF NOT EXISTS kairos", "CREATE TABLE IF NOT EXISTS kairos.completion_events (id text)"]:
        assert server.socket(sql, "kairos").returncode == 0
    copies = server.folder / "copies"
    copies.mkdir(mode=0o777)
    copies.chmod(0o777)
    env = {"PATH": f"{BIN}:{os.environ['PATH']}", "PGHOST": str(server.folder), "PGPORT": str(server.port)}
    done = run(DEPLOY / "backup", copies, env=env, cwd="/", **AS)
    assert done.returncode == 0, done.stderr
    (houses,) = copies.glob("*.houses.sql")
    assert houses.stat().st_mode & 0o777 == 0o600
    assert "'secret'" not in houses.read_text()
    assert server.socket("DROP ROLE kairos_house_k").returncode == 0
    assert not server.comes_in_at_all("kairos_house_k")
    # Twice, since those that are there stay.
    for _ in range(2):
        done = run(DEPLOY / "restore", "--houses", houses, env=env, cwd="/", **AS)
        assert done.returncode == 0, done.stderr
    assert server.comes_in("kairos_house_k", sslmode="require")
    assert server.socket("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'kairos_house_k'").stdout == "f\n"
