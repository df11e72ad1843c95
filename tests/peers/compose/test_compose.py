"""The containers that deploy/ ships, as far as they can be looked at where there is no engine.

The file goes through the Compose Specification's own schema and, where there is a wheel of it, through Docker Compose's own
reader; what follows from it is asserted here: pins, health, secrets, ports. Nothing is started and no image is fetched.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import BIN, DEPLOY, ROOT, run, settings_of
from ruamel.yaml import YAML

COMPOSE = BIN / "docker-compose"
PROFILES = {"proxy", "mosquitto"}
# What phones need: the proxy's ports, which are open to everybody.
OPEN = {("proxy", "80"), ("proxy", "443")}


def read(path):
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor("!env", lambda _, node: f"${{{node.value}}}")
    return yaml.load(path.read_text())


@pytest.fixture(scope="module")
def settings(folder):
    return settings_of(folder)


@pytest.fixture(scope="module")
def compose(settings):
    """The file with the settings put in, as Compose reads it."""
    text = (DEPLOY / "compose.yaml").read_text().replace("$$", "\0")
    named = set(re.findall(r"\$\{?([A-Z_]+)", text))
    assert named <= settings.keys(), f"deploy/setup does not make {named - settings.keys()}"
    unused = settings.keys() - named - {"COMPOSE_PROJECT_NAME"}
    assert not unused, f"deploy/setup makes {unused} for nothing"
    text = re.sub(r"\$\{([A-Z_]+)(:\?[^}]*)?\}", lambda found: settings[found[1]], text)
    assert "$" not in text, "a variable without a sentence about what to do where it is not set"
    return YAML(typ="safe", pure=True).load(text.replace("\0", "$"))


def services(compose):
    return compose["services"].items()


def one_shot(name, compose):
    """Whether it does something and ends, and everybody who needs it waits for that."""
    waits = [service.get("depends_on", {}).get(name) for _, service in services(compose)]
    waits = [wait["condition"] for wait in waits if wait]
    return bool(waits) and set(waits) == {"service_completed_successfully"}


def binds(service):
    """Files of the checkout that are mounted."""
    return [mount.split(":")[0] for mount in service.get("volumes", []) if mount.startswith(".")]


def test_it_is_what_the_specification_says():
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout
    assert "version" not in read(DEPLOY / "compose.yaml")


@pytest.mark.skipif(not COMPOSE.exists(), reason="no wheel of Docker Compose for this Python")
def test_docker_compose_reads_it(folder, compose):
    done = run(COMPOSE, "--file", folder / "compose.yaml", "--profile", "*", "config", "--format", "json")
    # The wheel's own command forgets the status; what is wrong is said.
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["services"].keys() == compose["services"].keys()
    # What is left out without a profile is not waited for.
    some = run(COMPOSE, "--file", folder / "compose.yaml", "config", "--services")
    assert some.stderr == ""
    assert set(some.stdout.split()) == compose["services"].keys() - PROFILES
    # Without setup nothing starts with a part of it.
    (folder / "bare").mkdir()
    shutil.copy(folder / "compose.yaml", folder / "bare")
    done = run(COMPOSE, "--file", folder / "bare/compose.yaml", "config", "--quiet")
    assert "run deploy/setup" in done.stderr and done.stdout == "", done.stderr


def test_everything_has_its_health_and_waits_for_that_of_others(compose):
    for name, service in services(compose):
        if one_shot(name, compose):
            assert service["restart"] == "no", name
            continue
        check = service["healthcheck"]
        assert {"test", "interval", "timeout", "start_period"} <= check.keys(), name
        assert service["restart"] == "unless-stopped", name
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if one_shot(other, compose) else "service_healthy"
            assert how["condition"] == wanted, f"{name} waits for {other}"
            # One that is left out cannot be waited for.
            assert "profiles" not in compose["services"][other], f"{name} waits for {other}"


def test_images_are_pinned(compose):
    for name, service in services(compose):
        tag = service["image"].rpartition(":")[2]
        ours = "build" in service
        assert ours or re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z]+)?", tag), f"{name}: {service['image']}"
    froms = [line for file in [ROOT / "Dockerfile", *DEPLOY.rglob("Dockerfile")] for line in file.read_text().splitlines()]
    for line in froms:
        if line.startswith("FROM "):
            assert re.search(r":[\w.-]*\d|^FROM debian:bookworm-slim", line), line


def test_containers_may_do_little(compose):
    for name, service in services(compose):
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service and service.get("network_mode") in (None, "none"), name
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        # PowerSync's image is not ours to know.
        assert service.get("read_only") or name == "powersync", name
        for mount in service.get("volumes", []):
            if mount.startswith("."):
                assert mount.endswith(":ro"), f"{name}: {mount}"
            assert "docker.sock" not in mount, name


def test_only_what_phones_need_is_open_to_everybody(compose):
    for name, service in services(compose):
        for port in service.get("ports", []):
            if port.startswith("127.0.0.1:"):
                continue
            assert (name, port.split(":")[0]) in OPEN, f"{name}: {port}"
    # Nobody takes a port twice.
    ports = [port for _, service in services(compose) for port in service.get("ports", [])]
    assert len(ports) == len(set(ports))


def test_what_is_mounted_is_there(compose, folder):
    for name, service in services(compose):
        for file in [*binds(service), *service.get("env_file", [])]:
            assert (folder / file).exists(), f"{name}: {file}"
        build = service.get("build")
        if build:
            assert (folder / build / "Dockerfile").is_file(), name
        for word in service.get("entrypoint", [])[:1]:
            target = [m.split(":")[0] for m in service.get("volumes", []) if m.split(":")[1] == word]
            # What is run from the checkout is a program.
            for file in target:
                assert (folder / file).stat().st_mode & 0o111, file
        named = [mount.split(":")[0] for mount in service.get("volumes", []) if not mount.startswith(".")]
        assert set(named) <= compose["volumes"].keys(), name
    used = {m.split(":")[0] for _, s in services(compose) for m in s.get("volumes", [])}
    assert compose["volumes"].keys() <= used


def test_secrets_are_in_no_file_of_the_checkout_and_reach_whom_they_should(compose, folder):
    secrets = {file.name: file.read_text() for file in (folder / "secrets").iterdir()}
    known = run("git", "ls-files", "deploy", cwd=ROOT).stdout.split()
    assert not [file for file in known if "secrets/" in file or file.endswith(".env")]
    for made in ["deploy/.env", "deploy/secrets/postgres-password"]:
        assert run("git", "check-ignore", "--quiet", made, cwd=ROOT).returncode == 0, made
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"deploy/.env", "deploy/secrets"} <= set(ignored), "secrets would be in a layer of the hub's image"
    for name, service in services(compose):
        for key, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD$|SECRET$|TOKEN$", key), f"{name}: {key}"
            assert not re.search(r"//[^/]*@", str(value)), f"{name}: a login in {key}"
            if key.endswith("_FILE"):
                assert value.startswith("/run/kairos/"), f"{name}: {key}"
    # place-secrets gives each volume what its container asks for, and nothing more.
    placed = {}
    for line in (DEPLOY / "place-secrets").read_text().splitlines():
        words = line.split()
        if words and words[0] == "place":
            placed[words[2]] = set(words[3:])
    assert set().union(*placed.values()) <= secrets.keys()
    wanted = {}
    for name, service in services(compose):
        volumes = [mount.split(":")[0] for mount in service.get("volumes", []) if ":/run/kairos" in mount]
        if not volumes:
            continue
        (volume,) = volumes
        text = json.dumps(service)
        wanted.setdefault(volume.removesuffix("-secrets"), set()).update(re.findall(r"/run/kairos/([a-z.-]+)", text))
    assert placed == wanted


def test_powersync_is_told_what_it_asks_for(compose, folder):
    service = compose["services"]["powersync"]
    file = read(folder / "powersync/service.yaml")
    asked = set(re.findall(r"!env (\w+)", (folder / "powersync/service.yaml").read_text()))
    told = dict(line.split("=", 1) for line in (folder / "secrets/powersync.env").read_text().splitlines())
    told |= service["environment"]
    assert asked <= told.keys()
    mounts = dict(reversed(mount.split(":")[:2]) for mount in service["volumes"])
    config = told["POWERSYNC_CONFIG_PATH"]
    assert mounts[config] == "./powersync/service.yaml"
    assert mounts[str(Path(config).parent / file["sync_config"]["path"])] == "./powersync/sync-streams.yaml"
    assert file["client_auth"]["audience"] == ["powersync"]
    assert f":{told['PS_PORT']}/probes/" in " ".join(service["healthcheck"]["test"])
    # Bucket storage is no part of the database that is copied.
    (source,) = file["replication"]["connections"]
    assert told[source["uri"][2:-1]].rpartition("/")[2] == "kairos"
    assert told[file["storage"]["uri"][2:-1]].rpartition("/")[2] == "powersync_storage"


def test_addresses_name_containers(compose):
    names = compose["services"].keys()
    texts = [json.dumps(service) for _, service in services(compose)]
    texts += [(DEPLOY / "proxy/Caddyfile").read_text(), (DEPLOY / "setup").read_text()]
    for text in texts:
        for host in re.findall(r"(?:http://|@|reverse_proxy )([a-z0-9.]+):\d", text):
            assert host in names or host == "127.0.0.1", host
    routed = re.search(r"@sync path (.*)", (DEPLOY / "proxy/Caddyfile").read_text())[1].split()
    # All that the protocol has and the hub would answer otherwise.
    assert routed == ["/sync/*", "/write-checkpoint2.json"]
    hub = compose["services"]["hub"]
    assert hub["environment"]["KAIROS_UPSTREAM_RELAY"] == "true"
    address = hub["networks"]["default"]["ipv4_address"]
    assert compose["services"]["accounts"]["environment"]["PB_HUBS"] == address
    proxy = compose["services"]["proxy"]["networks"]["default"]["ipv4_address"]
    assert hub["environment"]["KAIROS_HTTP_TRUSTED_PROXIES"] == proxy
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert {address.rpartition(".")[0], proxy.rpartition(".")[0]} == {network["subnet"].rpartition(".")[0]}


def test_the_hub_takes_its_settings(compose, folder):
    hub = Path(os.environ.get("KAIROS_HUB_BIN", ROOT / "target/debug/kairos-hub"))
    assert hub.exists(), "build the hub first, or say where it is: KAIROS_HUB_BIN"
    told = compose["services"]["hub"]["environment"]
    env = {key: str(value).replace("/run/kairos", str(folder / "secrets")) for key, value in told.items()}
    done = run(hub, "config", "check", env=env, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_postgres_is_what_powersync_needs(compose):
    postgres = compose["services"]["postgres"]
    assert {"--wal_level=logical", "--max_slot_wal_keep_size=2GB"} <= set(postgres["command"])
    assert postgres["image"].startswith("postgres:16.")
    # Other houses know it by the authority that the hub gives them.
    assert any(word.startswith("--ssl_cert_file=/run/kairos/") for word in postgres["command"])
    assert compose["services"]["hub"]["environment"]["KAIROS_UPSTREAM_PUBLIC_CA"].startswith("/run/kairos/")
    # One version makes the copies, and reads them.
    assert compose["services"]["backup"]["image"] == postgres["image"]


def scripts():
    known = run("git", "ls-files", "deploy", cwd=ROOT).stdout.split()
    files = [ROOT / name for name in known]
    return [file for file in files if file.read_bytes()[:10] == b"#!/bin/sh\n"]


def test_scripts_are_programs_without_a_word_from_shellcheck():
    assert {"setup", "backup", "restore", "place-secrets", "roles.sh", "storage.sh", "nightly", "start"} <= {
        file.name for file in scripts()
    }
    for file in scripts():
        assert file.stat().st_mode & 0o111, file
    done = run(BIN / "shellcheck", *scripts())
    assert done.returncode == 0, done.stdout
