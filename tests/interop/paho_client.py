#!/usr/bin/env python3
"""paho-mqtt, in each version it speaks."""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from cases import case, equal, main

PORT = int(sys.argv[1])
VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}
QUALITIES = [f"{version} {qos}" for version in VERSIONS for qos in (0, 1, 2)]
WAIT = 10


def properties(packet, **values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client:
    """A connected client with queues of what happened."""

    def __init__(self, version, name="", clean=True, expiry=0, will=None):
        self.version, five = version, version == "5.0"
        arguments = {} if five else {"clean_session": clean}
        self.mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, protocol=VERSIONS[version], **arguments)
        self.connects, self.messages, self.acknowledged = queue.Queue(), queue.Queue(), queue.Queue()
        self.mqtt.on_connect = lambda _c, _u, flags, code, _p: self.connects.put((flags.session_present, code))
        self.mqtt.on_message = lambda _c, _u, message: self.messages.put(message)
        self.mqtt.on_subscribe = lambda _c, _u, _mid, codes, _p: self.acknowledged.put(codes)
        if will:
            self.mqtt.will_set(*will)
        arguments = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry)} if five else {}
        self.mqtt.connect("127.0.0.1", PORT, 60, **arguments)
        self.mqtt.loop_start()
        self.session_present, code = self.connects.get(timeout=WAIT)
        equal(code.value, 0)

    def subscribe(self, topic, qos, **options):
        if self.version == "5.0":
            self.mqtt.subscribe(topic, options=SubscribeOptions(qos=qos), **options)
        else:
            self.mqtt.subscribe(topic, qos)
        (code,) = self.acknowledged.get(timeout=WAIT)
        equal(code.value, qos)
        return self

    def publish(self, topic, payload, qos=0, retain=False, **more):
        self.mqtt.publish(topic, payload, qos, retain, **more).wait_for_publish(WAIT)

    def message(self):
        return self.messages.get(timeout=WAIT)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def die(self):
        """The connection ends without a DISCONNECT."""
        sock = self.mqtt.socket()
        sock.shutdown(2)
        self.mqtt.loop_stop()


@case(*QUALITIES)
def publish_and_subscribe(topic, parameter):
    version, qos = parameter.split()
    subscriber, publisher = Client(version).subscribe(topic, int(qos)), Client(version)
    for number in range(50):
        publisher.publish(topic, str(number), int(qos))
    for number in range(50):
        message = subscriber.message()
        equal((message.topic, message.payload, message.qos, message.retain), (topic, str(number).encode(), int(qos), False))
    publisher.close()
    subscriber.close()


@case(*VERSIONS)
def retained(topic, version):
    publisher = Client(version)
    publisher.publish(f"{topic}/gone", "gone", 1, True)
    publisher.publish(f"{topic}/kept", "kept", 1, True)
    publisher.publish(f"{topic}/gone", "", 1, True)
    subscriber = Client(version).subscribe(f"{topic}/#", 1)
    message = subscriber.message()
    equal((message.topic, message.payload, bool(message.retain)), (f"{topic}/kept", b"kept", True))
    publisher.publish(f"{topic}/end", "end", 1)
    equal(subscriber.message().payload, b"end")
    publisher.close()
    subscriber.close()


@case(*VERSIONS)
def will(topic, version):
    witness = Client(version).subscribe(topic, 2)
    Client(version, will=(topic, "gone", 2, False)).die()
    message = witness.message()
    equal((message.payload, message.qos), (b"gone", 2))
    witness.close()


@case(*VERSIONS)
def persistent_session(topic, version):
    name = "paho" + version.replace(".", "")
    first = Client(version, name, clean=False, expiry=60).subscribe(topic, 2)
    equal(first.session_present, False)
    first.close()
    publisher = Client(version)
    for number in range(20):
        publisher.publish(topic, str(number), 1 + number % 2)
    second = Client(version, name, clean=False, expiry=60)
    # MQTT 3.1 has no Session Present.
    equal(second.session_present or version == "3.1", True)
    # paho shows QoS 2 at PUBREL: the order holds for each QoS.
    got = [int(second.message().payload) for _ in range(20)]
    equal([number for number in got if number % 2 == 0], list(range(0, 20, 2)))
    equal([number for number in got if number % 2 == 1], list(range(1, 20, 2)))
    second.close()
    publisher.close()


@case()
def properties_of_5_0(topic):
    identifier = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7)
    subscriber = Client("5.0").subscribe(topic, 1, properties=identifier)
    publisher = Client("5.0")
    sent = properties(
        PacketTypes.PUBLISH,
        PayloadFormatIndicator=1,
        MessageExpiryInterval=100,
        ContentType="text/plain",
        ResponseTopic="answer",
        CorrelationData=b"\x00\xff",
        TopicAlias=1,
        UserProperty=[("a", "1"), ("a", "2")],
    )
    publisher.publish(topic, "x", 1, properties=sent)
    got = subscriber.message().properties
    equal((got.PayloadFormatIndicator, got.ContentType, got.ResponseTopic), (1, "text/plain", "answer"))
    equal((got.CorrelationData, got.UserProperty), (b"\x00\xff", [("a", "1"), ("a", "2")]))
    equal((got.MessageExpiryInterval in (99, 100), got.SubscriptionIdentifier), (True, [7]))
    publisher.close()
    subscriber.close()


@case()
def topic_alias(topic):
    subscriber, publisher = Client("5.0").subscribe(f"{topic}/#", 1), Client("5.0")
    alias = properties(PacketTypes.PUBLISH, TopicAlias=2)
    publisher.publish(f"{topic}/x", "1", 1, properties=alias)
    publisher.publish("", "2", 1, properties=alias)
    equal([(message.topic, message.payload) for message in (subscriber.message(), subscriber.message())], [(f"{topic}/x", b"1"), (f"{topic}/x", b"2")])
    publisher.close()
    subscriber.close()


main(lambda function, parameters, number: function(f"paho/{number}", *parameters))
