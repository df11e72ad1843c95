"""What the paho scripts share: arguments, one connection, waits that end, JSON lines."""

import argparse
import json
import os
import queue
import secrets
import sys
import time

import paho.mqtt.client as mqtt

PATIENCE = 10.0


def arguments(description):
    """The arguments every script takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", required=True, help="device id, also the user name")
    parser.add_argument("--password", default=os.environ.get("KAIROS_DEVICE_PASSWORD"),
                        help="or KAIROS_DEVICE_PASSWORD in the environment")
    parser.add_argument("--protocol", choices=["3.1.1", "5"], default="5")
    parser.add_argument("--transport", choices=["tcp", "websockets"], default="tcp")
    parser.add_argument("--path", default="/mqtt", help="path of the websocket")
    parser.add_argument("--ca", help="PEM file of the authority to trust; turns TLS on")
    parser.add_argument("--timeout", type=float, default=PATIENCE, help="seconds to wait for each thing")
    return parser


def parse(parser):
    """Parses; without a password ends with 2, as argparse does for wrong usage."""
    options = parser.parse_args()
    if not options.password:
        parser.error("give --password or KAIROS_DEVICE_PASSWORD")
    return options


def say(step, **fields):
    """One line of the report."""
    print(json.dumps({"step": step, **fields}), flush=True)


class Trouble(Exception):
    """Something was not as hoped; the text says what."""


class Peer:
    """One paho client whose callbacks end up in a queue, so that a script reads from top to bottom."""

    def __init__(self, options, client_id=None):
        self.options = options
        self.events = queue.Queue(maxsize=10_000)
        self.messages = []
        self.doing = "connecting"
        version = mqtt.MQTTv5 if options.protocol == "5" else mqtt.MQTTv311
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id or f"paho-{secrets.token_hex(6)}",
            protocol=version,
            transport=options.transport,
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(options.device, options.password)
        if options.transport == "websockets":
            self.client.ws_set_options(path=options.path)
        if options.ca:
            self.client.tls_set(ca_certs=options.ca)
        self.client.on_connect = lambda c, u, flags, code, p: self.events.put(("connect", None, code))
        self.client.on_disconnect = lambda c, u, flags, code, p: self.events.put(("disconnect", None, code))
        self.client.on_subscribe = lambda c, u, mid, codes, p: self.events.put(("subscribe", mid, codes))
        self.client.on_publish = lambda c, u, mid, code, p: self.events.put(("publish", mid, code))
        self.client.on_message = lambda c, u, message: self.events.put(("message", None, message))

    def wait(self, kind, mid=None, wanted=lambda value: True):
        """The value of the next event of this kind. Messages met on the way are kept in `messages`."""
        until = time.monotonic() + self.options.timeout
        while True:
            try:
                got, number, value = self.events.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise Trouble(f"no {kind} within {self.options.timeout:g} s ({self.doing})") from None
            if got == "message":
                self.messages.append(value)
            if got == kind and (mid is None or number == mid) and wanted(value):
                return value
            if got == "disconnect" and kind != "disconnect":
                raise Trouble(f"the hub closed the connection ({value}; {self.doing})")

    def connect(self):
        """Connects; anything but success is trouble."""
        try:
            self.client.connect(self.options.host, self.options.port, keepalive=15)
        except OSError as error:
            raise Trouble(f"no connection: {error}") from None
        self.client.loop_start()
        code = self.wait("connect")
        if code.is_failure:
            raise Trouble(f"the hub refused the login: {code}")
        say("connected", protocol=self.options.protocol, transport=self.options.transport, tls=bool(self.options.ca))

    def subscribe(self, filters):
        """Subscribes at QoS 1 and returns the reason codes as numbers, in order."""
        self.doing = f"subscribing to {filters}"
        result, mid = self.client.subscribe([(one, self.sub_qos()) for one in filters])
        if result != mqtt.MQTT_ERR_SUCCESS:
            raise Trouble(f"subscribe could not be sent: {mqtt.error_string(result)}")
        return [code.value for code in self.wait("subscribe", mid)]

    def sub_qos(self):
        return mqtt.SubscribeOptions(qos=1) if self.options.protocol == "5" else 1

    def publish(self, topic, payload, retain=False):
        """Publishes at QoS 1 and returns the PUBACK's reason code (always 0 in 3.1.1, which has none) and the time."""
        self.doing = f"publishing to {topic}"
        begin = time.monotonic()
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        code = self.wait("publish", info.mid)
        return code.value, round((time.monotonic() - begin) * 1000, 2)

    def message_on(self, topic, wanted=lambda body: True):
        """The body of a message on this topic, already here or still to come."""
        self.doing = f"waiting for a message on {topic}"

        def fits(message):
            return message.topic == topic and wanted(json.loads(message.payload))

        for message in self.messages:
            if fits(message):
                return json.loads(message.payload)
        return json.loads(self.wait("message", wanted=fits).payload)

    def close(self):
        """Says goodbye."""
        self.client.disconnect()
        self.client.loop_stop()


def run(main):
    """Runs a script's `main` and turns its end into an exit code."""
    try:
        main()
    except Trouble as trouble:
        say("done", ok=False, trouble=str(trouble))
        sys.exit(1)
    say("done", ok=True)
