# Story: PUBLISH with an empty topic, and with a wildcard in it, close the connection with the right code; a will with a
# wildcard is refused.
# Statements: MQTT-4.7.3-1, MQTT-3.3.2-2.
# Defect: class 4 (CVE-2021-34432).
eve connects
eve < CONNACK
eve > PUBLISH topic= payload=x
[3] eve < closed
[5] eve < closed code=0x82
eve connects
eve < CONNACK
eve > PUBLISH topic=a/# payload=x
eve < closed code=0x90
eve connects will=a/+
[3] eve < closed
[5] eve < CONNACK code=0x90
[5] eve < closed
broker counts connections=0
