# Story: a message larger than a subscriber's Maximum Packet Size is not sent to it and counts as done; the next one comes.
# Statements: MQTT-3.1.2-24, MQTT-3.1.2-25.
# Defect: class 20; a session that one large message blocks for ever.
versions 5
bob connects keep packet-maximum=100
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=x*200 qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=small qos=1 id=2
ann < PUBACK id=2
bob < PUBLISH topic=t payload=small qos=1 id=$small
bob > PUBACK id=$small
bob < nothing
broker counts dropped_too_large=1
