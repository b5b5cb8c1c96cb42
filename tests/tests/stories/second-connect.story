# Story: a second CONNECT on a connection is a protocol error. Its will is published, and what was asked by the second is not.
# Statements: MQTT-3.1.0-2.
# Defect: class 3 (CVE-2021-28166).
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
dev connects keep will=will will-payload=gone
dev < CONNACK
dev > CONNECT as=other
dev < closed code=0x82
bob < PUBLISH topic=will payload=gone
bob < nothing
broker counts sessions=2
