# Story: topic aliases of both directions belong to one connection. The client that comes back and uses its old alias is
# closed by 0x82; the broker names the topic in full before it uses an alias again.
# Statements: MQTT-3.3.2-7, MQTT-3.3.2-9, MQTT-3.3.2-11, MQTT-3.3.2-12; 5.0, 3.3.4.
# Defect: class 24 and 41; an alias of an old connection names a topic of another client's.
versions 5
bob connects keep alias-maximum=1
bob < CONNACK
bob > SUBSCRIBE id=1 filter=long/topic/name qos=1
bob < SUBACK id=1 codes=1
ann connects keep
ann < CONNACK
ann > PUBLISH topic=long/topic/name payload=one qos=1 id=1 alias=3
ann < PUBACK id=1
ann > PUBLISH topic= payload=two qos=1 id=2 alias=3
ann < PUBACK id=2
bob < PUBLISH topic=long/topic/name payload=one qos=1 id=$one
bob < PUBLISH topic=long/topic/name payload=two qos=1 id=$two
bob > PUBACK id=$one
bob resets
bob connects keep alias-maximum=1
bob < CONNACK present=1
bob < PUBLISH topic=long/topic/name payload=two qos=1 id=$two dup
bob > PUBACK id=$two
ann resets
ann connects keep
ann < CONNACK present=1
ann > PUBLISH topic= payload=three qos=1 id=3 alias=3
ann < closed code=0x82
bob < nothing
