"""What python-zeroconf, a stranger to our mDNS library, sees of the hub. Started by `run`, inside the peer's namespace."""

import json
import os
import queue
import signal
import socket
import subprocess
import time

import pytest
from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

HUB, HTTP, MQTT = "_kairos-hub._tcp.local.", "_http._tcp.local.", "_mqtt._tcp.local."
# Far more than anything here takes; only a test that cannot pass waits this long.
PATIENCE = 30


class Hub:
    """A hub in its own namespace."""

    def __init__(self, data_dir, home="KAIROS_TEST_HUB_NETNS"):
        self.log = open(data_dir / "log", "w")
        command = [os.environ["KAIROS_HUB_BIN"], "run", "--data-dir", str(data_dir)]
        self.process = subprocess.Popen(
            ["nsenter", "--net=" + os.environ[home], *command],
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + PATIENCE
        run_json = data_dir / "run.json"
        while not run_json.exists():
            assert self.process.poll() is None, (data_dir / "log").read_text()
            assert time.monotonic() < deadline, "the hub wrote no run.json"
            time.sleep(0.02)
        self.ports = json.loads(run_json.read_text())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        self.log.close()


class Seen(ServiceListener):
    """Everything that comes and goes, in order."""

    def __init__(self):
        self.events = queue.Queue()

    def add_service(self, zc, kind, name):
        self.events.put(("came", kind, name))

    def update_service(self, zc, kind, name):
        pass

    def remove_service(self, zc, kind, name):
        self.events.put(("left", kind, name))

    def wait(self, *wanted):
        """Waits until every wanted event was seen, in any order."""
        wanted = set(wanted)
        deadline = time.monotonic() + PATIENCE
        while wanted:
            try:
                wanted.discard(self.events.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"not seen: {sorted(wanted)}")


@pytest.fixture
def peer():
    zc = Zeroconf(interfaces=["10.77.0.9"], ip_version=IPVersion.V4Only)
    yield zc
    zc.close()


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path)
    yield hub
    hub.stop()


def browse(peer):
    seen = Seen()
    ServiceBrowser(peer, [HUB, HTTP, MQTT], seen)
    return seen


def lookup(peer, kind, instance):
    info = peer.get_service_info(kind, f"{instance}.{kind}", timeout=PATIENCE * 1000)
    assert info is not None, f"{instance}.{kind} does not resolve"
    return info


def check_services(peer, ports, instance, host):
    found = {kind: lookup(peer, kind, instance) for kind in (HUB, HTTP, MQTT)}
    assert {kind: info.port for kind, info in found.items()} == {
        HUB: ports["http"],
        HTTP: ports["http"],
        MQTT: ports["mqtt"],
    }
    for info in found.values():
        assert info.server == host
        # Cable and wireless, but not the containers' bridge.
        assert sorted(info.parsed_addresses()) == ["10.77.0.1", "10.77.0.2"]
    text = {key.decode(): (value or b"").decode() for key, value in found[HUB].properties.items()}
    assert text.pop("id") and text.pop("version")
    assert text == {
        "api": "/api",
        "tls": str(ports["https"]),
        "mqtt": str(ports["mqtt"]),
        "mqtts": str(ports["mqtts"]),
    }


def test_three_services_come_with_their_ports_and_leave_with_a_goodbye(peer, hub):
    seen = browse(peer)
    seen.wait(*(("came", kind, f"Kairos Hub.{kind}") for kind in (HUB, HTTP, MQTT)))
    check_services(peer, hub.ports, "Kairos Hub", "kairos.local.")
    started = time.monotonic()
    hub.stop()
    seen.wait(*(("left", kind, f"Kairos Hub.{kind}") for kind in (HUB, HTTP, MQTT)))
    # Without a goodbye the records would live for more than an hour.
    assert time.monotonic() - started < 10


def test_a_hub_whose_names_are_taken_is_renamed_everywhere(peer, tmp_path):
    taken = ServiceInfo(
        HTTP,
        f"Kairos Hub.{HTTP}",
        addresses=[socket.inet_aton("10.77.0.9")],
        port=80,
        server="kairos.local.",
    )
    peer.register_service(taken)
    hub = Hub(tmp_path)
    try:
        seen = browse(peer)
        seen.wait(*(("came", kind, f"Kairos Hub (2).{kind}") for kind in (HUB, HTTP, MQTT)))
        check_services(peer, hub.ports, "Kairos Hub (2)", "kairos-2.local.")
        # The neighbour keeps what it had first.
        mine = lookup(peer, HTTP, "Kairos Hub")
        assert (mine.server, mine.parsed_addresses()) == ("kairos.local.", ["10.77.0.9"])
    finally:
        hub.stop()


def test_two_hubs_in_one_home_take_different_names(peer, hub, tmp_path_factory):
    seen = browse(peer)
    seen.wait(("came", HUB, f"Kairos Hub.{HUB}"))
    second = Hub(tmp_path_factory.mktemp("second"), "KAIROS_TEST_SECOND_NETNS")
    try:
        seen.wait(("came", HUB, f"Kairos Hub (2).{HUB}"))
        info = lookup(peer, HUB, "Kairos Hub (2)")
        assert (info.server, info.parsed_addresses()) == ("kairos-2.local.", ["10.77.0.3"])
        info = lookup(peer, HUB, "Kairos Hub")
        assert (info.server, sorted(info.parsed_addresses())) == ("kairos.local.", ["10.77.0.1", "10.77.0.2"])
    finally:
        second.stop()
