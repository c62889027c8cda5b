#!/usr/bin/python3
"""paho_python.py - fox_wamp against Eclipse Paho; prints TAP.  FOX_PORT, FOX_TLS_PORT."""
import os
import queue
import ssl
import sys
import traceback

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT = int(os.environ["FOX_PORT"])
TLS_PORT = int(os.environ.get("FOX_TLS_PORT") or 0)
PATIENCE = 180
count = 0


class Client:
    """A client that runs in a thread of its own; what it hears waits in queues."""

    def __init__(self, version=mqtt.MQTTv311, transport="tcp", tls=False, client_id=None, clean=True, expiry=None, will=None):
        global count
        count += 1
        self.id = client_id or f"paho-{os.getpid()}-{count}"
        five = version == mqtt.MQTTv5
        self.c = mqtt.Client(self.id, protocol=version, transport=transport, **({} if five else {"clean_session": clean}))
        self.messages, self.connected, self.subscribed = queue.Queue(), queue.Queue(), queue.Queue()
        self.c.on_message = lambda client, data, message: self.messages.put(message)
        self.c.on_connect = lambda client, data, flags, code, properties=None: self.connected.put((flags, code, properties))
        self.c.on_subscribe = lambda client, data, mid, granted, properties=None: self.subscribed.put(granted)
        self.c.max_inflight_messages_set(20)
        if transport == "websockets":
            self.c.ws_set_options(path="/mqtt")
        if tls:
            self.c.tls_set(cert_reqs=ssl.CERT_NONE)
            self.c.tls_insecure_set(True)
        if will:
            self.c.will_set(*will)
        options = {}
        if five:
            options["clean_start"] = clean
            if expiry is not None:
                options["properties"] = Properties(PacketTypes.CONNECT)
                options["properties"].SessionExpiryInterval = expiry
        self.c.connect("127.0.0.1", TLS_PORT if tls else PORT, **options)
        self.c.loop_start()
        self.flags, code, self.properties = self.connected.get(timeout=PATIENCE)
        assert code == 0, code

    def subscribe(self, topic, qos=0, options=None):
        self.c.subscribe(topic, options=options) if options else self.c.subscribe(topic, qos)
        return self.subscribed.get(timeout=PATIENCE)

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        self.c.publish(topic, payload, qos, retain, properties).wait_for_publish(PATIENCE)

    def next(self):
        return self.messages.get(timeout=PATIENCE)

    def leave(self):
        self.c.disconnect()
        self.c.loop_stop()


def topic(name):
    return f"paho/{os.getpid()}/{name}/{count}"


def every_qos(version, **transport):
    t = topic("qos")
    c = Client(version, **transport)
    c.subscribe(f"{t}/+", 2)
    for qos in (0, 1, 2):
        for i in range(50):
            c.publish(f"{t}/{qos}", f"{i}", qos)
        for i in range(50):
            m = c.next()
            assert (m.topic, m.payload, m.qos) == (f"{t}/{qos}", b"%d" % i, qos), (m.topic, m.payload, m.qos)
    c.leave()


def retained(version):
    t = topic("retained")
    c = Client(version)
    c.publish(t, b"\x00\xff value", 1, True)
    s = Client(version)
    s.subscribe(t, 1)
    m = s.next()
    assert m.retain and m.payload == b"\x00\xff value"
    c.publish(t, b"", 1, True)
    assert s.next().payload == b""
    c.leave()
    s.leave()


def kept_session(version):
    t = topic("kept")
    kept = {"clean": False, "expiry": 600 if version == mqtt.MQTTv5 else None}
    s = Client(version, **kept)
    s.subscribe(t, 2)
    s.leave()
    c = Client(version)
    for i in range(300):
        c.publish(t, f"{i}", 1 + i % 2)
    c.leave()
    s = Client(version, client_id=s.id, **kept)
    present = s.flags["session present"]
    assert present == 1, present
    heard = [int(s.next().payload) for _ in range(300)]
    # A message of QoS 2 is given to the program when it is released: the order is that of each QoS.
    for qos in (1, 2):
        assert [i for i in heard if 1 + i % 2 == qos] == [i for i in range(300) if 1 + i % 2 == qos], heard
    s.leave()
    Client(version, client_id=s.id).leave()


def will(version):
    t = topic("will")
    s = Client(version)
    s.subscribe(t, 1)
    dying = Client(version, will=(t, b"gone", 1, False))
    dying.c._sock.shutdown(2)
    assert s.next().payload == b"gone"
    dying.c.loop_stop()
    s.leave()


def five():
    t = topic("five")
    s = Client(mqtt.MQTTv5)
    granted = s.subscribe(t, options=SubscribeOptions(qos=1, noLocal=True))
    assert [int(g.value) if hasattr(g, "value") else int(g) for g in granted] == [1], granted
    c = Client(mqtt.MQTTv5)
    p = Properties(PacketTypes.PUBLISH)
    p.UserProperty = [("a", "1"), ("a", "2")]
    p.ContentType = "text/x"
    p.CorrelationData = b"\x00\x01"
    p.ResponseTopic = "r/t"
    s.publish(t, b"own", 1)
    c.publish(t, b"x", 1, properties=p)
    m = s.next()
    assert m.payload == b"x"
    assert m.properties.UserProperty == [("a", "1"), ("a", "2")], m.properties
    assert (m.properties.ContentType, m.properties.CorrelationData, m.properties.ResponseTopic) == ("text/x", b"\x00\x01", "r/t")
    assert s.properties.TopicAliasMaximum >= 10 and s.properties.ReceiveMaximum >= 20
    c.leave()
    s.leave()


CASES = [
    *[(f"every QoS, {name}", lambda v=v: every_qos(v)) for name, v in (("3.1", mqtt.MQTTv31), ("3.1.1", mqtt.MQTTv311), ("5.0", mqtt.MQTTv5))],
    ("every QoS over WebSocket, 3.1.1", lambda: every_qos(mqtt.MQTTv311, transport="websockets")),
    ("every QoS over WebSocket, 5.0", lambda: every_qos(mqtt.MQTTv5, transport="websockets")),
    ("every QoS over TLS, 5.0", lambda: every_qos(mqtt.MQTTv5, tls=True)),
    *[(f"{what}, {name}", lambda f=f, v=v: f(v)) for name, v in (("3.1.1", mqtt.MQTTv311), ("5.0", mqtt.MQTTv5))
      for what, f in (("retained messages", retained), ("a session that is kept", kept_session), ("a will", will))],
    ("properties and options of 5.0", five),
]

print(f"1..{len(CASES)}", flush=True)
failed = 0
for number, (name, case) in enumerate(CASES, 1):
    try:
        case()
        print(f"ok {number} - {name}", flush=True)
    except BaseException:
        failed += 1
        print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
        print(f"not ok {number} - {name}", flush=True)
# Threads of clients that a failure has left are not waited for.
sys.stdout.flush()
os._exit(failed != 0)
