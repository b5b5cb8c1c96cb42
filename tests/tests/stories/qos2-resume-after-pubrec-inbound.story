# Story: a publisher is lost after PUBREC. It comes back to its session and goes on with PUBREL; it does not publish again.
# The subscriber has the message once, and the identifier is free afterwards: the next message with it is a new one.
# Statements: MQTT-4.3.3-12, MQTT-4.4.0-1; 3.1.1: MQTT-4.3.3-2.
# Defect: class 55, the state of QoS 2 is lost between two connections (rmqtt#456, mosquitto#1726).
versions 3.1.1 5
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects keep
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
ann resets
ann connects keep
ann < CONNACK present=1
ann > PUBREL id=7
ann < PUBCOMP id=7
ann > PUBLISH topic=t payload=two qos=2 id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=two qos=2 id=$two
bob > PUBREC id=$two
bob < PUBREL id=$two
bob > PUBCOMP id=$two
bob < nothing
