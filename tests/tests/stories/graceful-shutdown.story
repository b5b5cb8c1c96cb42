# Story: the broker goes down. What was received is acknowledged before, MQTT 5.0 clients are told 0x8B, and nobody is let in
# any more.
# Statements: 5.0, 4.13 and 3.14.2.1.
# Defect: the promise G14; brokers that fall silent.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects keep
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=any
broker shuts-down
ann < closed code=0x8B
bob < closed code=0x8B
eve opens
eve < closed
broker counts connections=0
