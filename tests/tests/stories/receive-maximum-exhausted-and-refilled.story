# Story: a subscriber with Receive Maximum 2 acknowledges nothing: the third message waits. One acknowledgement lets exactly
# one more come, in order; a PUBREC alone does not.
# Statements: MQTT-3.3.4-9, MQTT-4.9.0-1, MQTT-4.9.0-2, MQTT-4.6.0-6.
# Defect: brokers that refill at PUBREC, or never.
versions 5
bob connects receive-maximum=2
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann < PUBREC id=2
ann > PUBREL id=2
ann < PUBCOMP id=2
ann > PUBLISH topic=t payload=three qos=1 id=3
ann < PUBACK id=3
ann > PUBLISH topic=t payload=four qos=1 id=4
ann < PUBACK id=4
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob < PUBLISH topic=t payload=two qos=2 id=$two
bob < nothing
bob > PUBREC id=$two
bob < PUBREL id=$two
bob < nothing
bob > PUBACK id=$one
bob < PUBLISH topic=t payload=three qos=1 id=$three
bob < nothing
bob > PUBCOMP id=$two
bob < PUBLISH topic=t payload=four qos=1 id=$four
bob > PUBACK id=$three
bob > PUBACK id=$four
bob < nothing
