# Story: a session that a 3.1.1 client left is resumed by a 5.0 client, and the other way round: subscription, queue and
# identifiers are there.
# Statements: 3.1.1, 3.1.2.4; 5.0, 3.1.2.4.
# Defect: class 56; firmware that is upgraded loses what waited for it.
versions 3.1.1
dev connects keep
dev < CONNACK
dev > SUBSCRIBE id=1 filter=t qos=1
dev < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
dev < PUBLISH topic=t payload=one qos=1 id=$one
dev resets
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2
dev connects version=5 keep
dev < CONNACK present=1
dev < PUBLISH topic=t payload=one qos=1 id=$one dup
dev < PUBLISH topic=t payload=two qos=1 id=$two
dev > PUBACK id=$one
dev resets
dev connects keep
dev < CONNACK present=1
dev < PUBLISH topic=t payload=two qos=1 id=$two dup
dev > PUBACK id=$two
dev < nothing
