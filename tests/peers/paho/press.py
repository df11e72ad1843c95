"""Presses a button with paho-mqtt and checks what the hub must answer: PUBACK, ack, state, and a repetition."""

import json
import secrets

from peer import Peer, Trouble, arguments, parse, run, say


def check_ack(ack, press_id, results):
    """The shape of an answer."""
    if ack.get("result") not in results:
        raise Trouble(f"ack says {ack.get('result')!r}, hoped for one of {results}")
    if ack.get("light") not in ("done", "partial", "open", "error"):
        raise Trouble(f"ack has light {ack.get('light')!r}")
    habit = ack.get("habit")
    if not isinstance(habit, dict) or not {"name", "done", "value", "target"} <= habit.keys():
        raise Trouble("ack has no habit with name, done, value and target")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--button", default="1")
    parser.add_argument("--count", type=int, default=1, help="presses, each under an id of its own")
    parser.add_argument("--age-ms", type=int, default=0)
    options = parse(parser)
    topic = f"kairos/device/{options.device}/"
    peer = Peer(options)
    peer.connect()

    codes = peer.subscribe([topic + "ack", topic + "state"])
    say("subscribed", codes=codes)
    if any(code >= 0x80 for code in codes):
        raise Trouble("the hub refused the device's own topics")
    state = peer.message_on(topic + "state")
    if "date" not in state or not isinstance(state.get("buttons"), dict):
        raise Trouble("the retained state has no date and buttons")
    say("state", date=state["date"], lights={name: one.get("light") for name, one in state["buttons"].items()})

    boot = secrets.token_hex(8)
    for n in range(1, options.count + 1):
        press_id = f"{boot}:{n}"
        press = {"event_type": "press", "button": options.button, "press_id": press_id, "age_ms": options.age_ms}
        for results in (["applied"], ["duplicate"]):
            seen = len(peer.messages)
            code, ms = peer.publish(topic + "event", json.dumps(press))
            say("puback", press_id=press_id, code=code, ms=ms)
            if code >= 0x80:
                raise Trouble(f"the hub refused the press with reason {code:#x}")
            peer.messages = peer.messages[seen:]
            ack = peer.message_on(topic + "ack", lambda body: body.get("press_id") == press_id)
            peer.messages.clear()
            check_ack(ack, press_id, results)
            say("ack", press_id=press_id, result=ack["result"], light=ack["light"])
            press["age_ms"] += 1000
    peer.close()


run(main)
