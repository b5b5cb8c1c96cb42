# Story: a subscriber is lost before its PUBREC arrives. The PUBLISH comes again with DUP and the same identifier.
# Statements: MQTT-4.4.0-1, MQTT-3.3.1-1, MQTT-4.3.3-4.
# Defect: class 56, a resumed session gives the message another identifier (rmqtt 0.23), or forgets DUP.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob resets
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=one qos=2 id=$one dup
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
ann > PUBREL id=7
ann < PUBCOMP id=7
