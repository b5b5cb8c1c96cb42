# Story: a subscriber is lost after it sent PUBREC. On its next connection the broker goes on with PUBREL and the same
# identifier, and does not publish again.
# Statements: MQTT-4.3.3-5, MQTT-4.3.3-6, MQTT-4.4.0-1.
# Defect: class 55, the state of a QoS 2 delivery is lost and the message comes twice.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > PUBREC id=$one
bob < PUBREL id=$one
bob resets
bob connects keep
bob < CONNACK present=1
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
broker counts messages_inflight=0
