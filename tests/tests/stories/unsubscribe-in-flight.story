# Story: a client unsubscribes with a message in flight. The exchange goes on to its end, over a reconnect too; nothing new
# comes.
# Statements: MQTT-3.10.4-2, MQTT-3.10.4-3.
# Defect: identifiers that an UNSUBSCRIBE takes with it.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=1
ann < PUBREC id=1
ann > PUBREL id=1
ann < PUBCOMP id=1
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > UNSUBSCRIBE id=2 filter=t
[3] bob < UNSUBACK id=2
[5] bob < UNSUBACK id=2 codes=0
bob resets
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2 code=0|16
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=one qos=2 id=$one dup
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
