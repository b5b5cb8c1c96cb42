# Story: DISCONNECT takes the will away; DISCONNECT 0x04 and the loss of the connection publish it.
# Statements: MQTT-3.14.4-3, MQTT-3.1.2-10, 5.0, 3.14.2.1.
# Defect: wills of clients that left properly.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
dev connects will=will will-payload=one will-qos=1
dev < CONNACK
dev > DISCONNECT
dev < closed
bob < nothing
[5] dev connects will=will will-payload=two will-qos=1
[5] dev < CONNACK
[5] dev > DISCONNECT code=0x04
[5] dev < closed
[5] bob < PUBLISH topic=will payload=two qos=1 id=$two
[5] bob > PUBACK id=$two
dev connects will=will will-payload=three will-qos=1
dev < CONNACK
dev closes
bob < PUBLISH topic=will payload=three qos=1 id=$three
bob > PUBACK id=$three
bob < nothing
