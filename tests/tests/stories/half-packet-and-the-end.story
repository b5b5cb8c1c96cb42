# Story: a connection ends in the middle of a PUBLISH: nothing of it is executed, and the will is published.
# Statements: MQTT-4.8.0-1, MQTT-3.1.2-8.
# Defect: class 1; what is left of a truncated packet is read.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
dev connects will=will will-payload=gone
dev < CONNACK
dev > raw 30 0A 00 01 74 68 61
dev closes
bob < PUBLISH topic=will payload=gone
bob < nothing
broker counts messages_held=0
