#!/usr/bin/env python3
"""mosquitto_pub and mosquitto_sub, in each version they speak."""

import subprocess
import sys

from cases import case, equal, main

PORT = sys.argv[1]
VERSIONS = ["mqttv31", "mqttv311", "mqttv5"]
QUALITIES = [f"{version} {qos}" for version in VERSIONS for qos in (0, 1, 2)]


def publish(version, *arguments, text=None):
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", PORT, "-V", version, *arguments]
    subprocess.run(command, input=text, text=True, check=True, timeout=20)


class Subscriber:
    """A mosquitto_sub that is subscribed when this is made."""

    def __init__(self, version, *arguments):
        command = ["stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", PORT, "-V", version, "-d", "-W", "15"]
        self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if line.startswith("Subscribed "):
                return
        raise AssertionError("not subscribed")

    def lines(self):
        """What it printed of messages, up to its end."""
        out, _ = self.process.communicate(timeout=20)
        equal(self.process.returncode, 0)
        return [line[1:] for line in out.splitlines() if line.startswith(">")]

    def kill(self):
        self.process.kill()
        self.process.wait(20)


def receive(version, *arguments):
    """The messages of a mosquitto_sub that ends by itself, without the debug lines."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", PORT, "-V", version, "-W", "15", *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=20, check=True)
    return [line[1:] for line in run.stdout.splitlines()]


@case(*QUALITIES)
def publish_and_subscribe(topic, parameter):
    version, qos = parameter.split()
    subscriber = Subscriber(version, "-t", topic, "-q", qos, "-C", "2", "-F", ">%q %t %p")
    publish(version, "-t", topic, "-q", qos, "-m", "hello")
    publish(version, "-t", topic, "-q", qos, "-m", "wörld")
    equal(subscriber.lines(), [f"{qos} {topic} hello", f"{qos} {topic} wörld"])


@case(*VERSIONS)
def many_lines(topic, version):
    subscriber = Subscriber(version, "-t", topic, "-q", "2", "-C", "500", "-F", ">%p")
    text = "".join(f"{number}\n" for number in range(500))
    publish(version, "-t", topic, "-q", "2", "-l", text=text)
    equal(subscriber.lines(), [str(number) for number in range(500)])


@case(*VERSIONS)
def retained(topic, version):
    publish(version, "-t", f"{topic}/gone", "-q", "1", "-r", "-m", "gone")
    publish(version, "-t", f"{topic}/kept", "-q", "1", "-r", "-m", "kept")
    publish(version, "-t", f"{topic}/gone", "-q", "1", "-r", "-n")
    equal(receive(version, "-t", f"{topic}/gone", "-t", f"{topic}/kept", "-q", "1", "-C", "1", "-F", ">%r %t %p"), [f"1 {topic}/kept kept"])


@case(*VERSIONS)
def will(topic, version):
    witness = Subscriber(version, "-t", topic, "-q", "1", "-C", "1", "-F", ">%q %t %p")
    mortal = Subscriber(version, "-t", f"{topic}/other", "--will-topic", topic, "--will-payload", "gone", "--will-qos", "1")
    mortal.kill()
    equal(witness.lines(), [f"1 {topic} gone"])


@case(*VERSIONS)
def persistent_session(topic, version):
    session = ["-i", topic.replace("/", "-")[:23], "-c", "-t", topic, "-q", "1"]
    session += ["-x", "60"] if version == "mqttv5" else []
    receive(version, *session, "-E")
    for text in ("one", "two", "three"):
        publish(version, "-t", topic, "-q", "1", "-m", text)
    equal(receive(version, *session, "-C", "3", "-F", ">%p"), ["one", "two", "three"])


@case()
def properties_of_5_0(topic):
    arguments = ["-D", "subscribe", "subscription-identifier", "42", "-q", "1", "-C", "1"]
    subscriber = Subscriber("mqttv5", "-t", topic, *arguments, "-F", ">%C|%R|%D|%P|%E|%S|%p")
    properties = [("user-property", "colour", "blue"), ("user-property", "colour", "red"), ("content-type", "text/plain")]
    properties += [("response-topic", "answer"), ("correlation-data", "c0ffee"), ("message-expiry-interval", "100")]
    arguments = [part for property in properties for part in ("-D", "publish", *property)]
    publish("mqttv5", "-t", topic, "-q", "1", "-m", "x", *arguments)
    (line,) = subscriber.lines()
    content, response, correlation, user, expiry, identifier, payload = line.split("|")
    equal((content, response, correlation, payload), ("text/plain", "answer", "c0ffee", "x"))
    equal(user.split(), ["colour:blue", "colour:red"])
    equal((expiry in ("99", "100"), identifier), (True, "42"))


@case()
def topic_alias(topic):
    subscriber = Subscriber("mqttv5", "-t", topic, "-q", "1", "-C", "3", "-F", ">%t %p")
    publish("mqttv5", "-t", topic, "-q", "1", "-l", "-D", "publish", "topic-alias", "3", text="a\nb\nc\n")
    equal(subscriber.lines(), [f"{topic} a", f"{topic} b", f"{topic} c"])


@case()
def versions_meet(topic):
    subscribers = [Subscriber(version, "-t", f"{topic}/#", "-q", "1", "-C", "3", "-F", ">%p") for version in VERSIONS]
    for version in VERSIONS:
        publish(version, "-t", f"{topic}/x", "-q", "1", "-m", version)
    for subscriber in subscribers:
        equal(subscriber.lines(), VERSIONS)


main(lambda function, parameters, number: function(f"mosquitto/{number}", *parameters))
