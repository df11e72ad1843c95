"""The shipped Mosquitto: what compose.yaml runs, in a real broker; its password is an argument of nothing."""

import os
import shutil

import pytest
from conftest import DEPLOY, free_port, run, running, until
from ruamel.yaml import YAML

PATH = f"/usr/sbin:/usr/bin:/bin:{os.environ['PATH']}"


@pytest.mark.skipif(not shutil.which("mosquitto", path=PATH), reason="no Mosquitto: tests/setup/packages")
def test_it_is_well_and_its_password_is_no_argument(folder, tmp_path):
    service = YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text())["services"]["mosquitto"]
    port = free_port()
    (tmp_path / "data").mkdir()
    (tmp_path / "spy").mkdir()
    for name in ["mosquitto", "mosquitto_passwd", "mosquitto_sub"]:
        spy = tmp_path / "spy" / name
        spy.write_text(f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/arguments\nexec {shutil.which(name, path=PATH)} "$@"\n')
        spy.chmod(0o755)

    def placed(text):
        for there, here in [("/run/kairos/", f"{folder}/secrets/"), ("/run/mosquitto", str(tmp_path)),
                            ("/mosquitto/data/", f"{tmp_path}/data/"), ("/mosquitto/config", str(tmp_path)), ("$$", "$"),
                            ("listener 1883", f"listener {port} 127.0.0.1\nuser root"), ("-t '", f"-p {port} -t '")]:
            text = text.replace(there, here)
        return text

    (tmp_path / "mosquitto.conf").write_text(placed((DEPLOY / "mosquitto/mosquitto.conf").read_text()))
    env = {"PATH": f"{tmp_path}/spy:{PATH}"}
    (command,) = service["command"]
    healthy = placed(service["healthcheck"]["test"][1])
    with running("sh", "-c", placed(command), log=tmp_path / "log", env=env):
        until("it is well", lambda: run("sh", "-c", healthy, env=env).returncode == 0, 15)
        guess = run("mosquitto_sub", "-p", port, "-u", "kairos", "-P", "a guess", "-t", "x", "-W", "2", env=env)
        assert guess.returncode != 0
    password = (folder / "secrets/mosquitto-password").read_text()
    assert password not in (tmp_path / "arguments").read_text() + (tmp_path / "log").read_text()
    assert password not in (tmp_path / "passwords").read_text()
