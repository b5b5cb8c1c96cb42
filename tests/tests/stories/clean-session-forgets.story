# Story: a session that lasted is thrown away by its own client: its subscription, its queue and its half exchanges are gone
# and the identifiers begin anew; the message with the identifier of before is a new one.
# Statements: MQTT-3.1.2-4 (3.1.1: MQTT-3.1.2-6), MQTT-3.2.2-2.
# Defect: class 8 and 27; what a session leaves behind.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=up qos=0
bob < SUBACK id=1 codes=0
dev connects keep
dev < CONNACK
dev > SUBSCRIBE id=1 filter=down qos=1
dev < SUBACK id=1 codes=1
dev > PUBLISH topic=up payload=one qos=2 id=9
dev < PUBREC id=9
dev resets
bob < PUBLISH topic=up payload=one
bob > PUBLISH topic=down payload=lost qos=1 id=1
bob < PUBACK id=1
dev connects
dev < CONNACK present=0
dev > PUBLISH topic=up payload=two qos=2 id=9
dev < PUBREC id=9
dev > PUBREL id=9
dev < PUBCOMP id=9
bob < PUBLISH topic=up payload=two
dev < nothing
broker counts dropped_session_ended=1
