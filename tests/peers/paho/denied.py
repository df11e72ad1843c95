"""A device that tries to reach what is not its own: every attempt must be refused in words an MQTT 5 client hears."""

import json
import secrets

from peer import Peer, Trouble, arguments, parse, run, say


def main():
    parser = arguments(__doc__)
    parser.add_argument("--other", required=True, help="the id of another device")
    options = parse(parser)
    if options.protocol != "5":
        parser.error("only MQTT 5 tells a client that a publish was refused")
    own, other = f"kairos/device/{options.device}/", f"kairos/device/{options.other}/"

    filters = [
        "#",
        "+/#",
        "kairos/#",
        "kairos/device/#",
        "kairos/device/+/state",
        "kairos/+/+/ack",
        other + "#",
        other + "state",
        other + "ack",
        f"$share/group/{other}state",
        "$share/group/#",
        "$SYS/#",
        "kairos/hub/#",
        "homeassistant/#",
        "kairos/pair/+/hello",
    ]
    press = json.dumps({"event_type": "press", "button": "1", "press_id": f"{secrets.token_hex(8)}:1", "age_ms": 0})
    publishes = [
        (other + "event", press),
        (other + "state", "{}"),
        (other + "status", "offline"),
        (own + "ack", "{}"),
        (own + "state", "{}"),
        ("kairos/hub/status", "offline"),
        ("homeassistant/button/x/config", "{}"),
        ("$SYS/broker/version", "x"),
        ("elsewhere", "x"),
    ]
    let_through = []

    peer = Peer(options)
    peer.connect()
    for one in filters:
        # One at a time, so that a connection closed over one of them names it.
        code = peer.subscribe([one])[0]
        say("subscribe", filter=one, code=code)
        if code < 0x80:
            let_through.append(f"subscribe {one}")
    for topic, payload in publishes:
        for retain in (False, True):
            code, _ = peer.publish(topic, payload, retain)
            say("publish", topic=topic, retain=retain, code=code)
            if code < 0x80:
                let_through.append(f"publish {topic}")

    # What is its own still works on the same connection; the state that comes is the fence behind which nothing may be.
    if any(code >= 0x80 for code in peer.subscribe([own + "state"])):
        raise Trouble("afterwards the device's own state was refused")
    peer.message_on(own + "state")
    strays = sorted({message.topic for message in peer.messages if not message.topic.startswith(own)})
    peer.close()
    if strays:
        raise Trouble(f"messages arrived on {strays}")
    if let_through:
        raise Trouble(f"not refused: {let_through}")


run(main)
