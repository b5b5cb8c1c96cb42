# Story: a subscriber answers PUBLISH at QoS 2 by PUBREC 0x97. That ends the exchange: the window has room again, and no
# PUBREL follows.
# Statements: MQTT-4.9.0-2; 5.0, 4.13.2, 3.5.2.1.
# Defect: a window that a refusal leaves one smaller, until nothing comes any more.
versions 5
bob connects receive-maximum=1
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=1
ann < PUBREC id=1
ann > PUBREL id=1
ann < PUBCOMP id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann < PUBREC id=2
ann > PUBREL id=2
ann < PUBCOMP id=2
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob < nothing
bob > PUBREC id=$one code=0x97
bob < PUBLISH topic=t payload=two qos=2 id=$two
bob > PUBREC id=$two
bob < PUBREL id=$two
bob > PUBCOMP id=$two
bob < nothing
broker counts rejected_by_subscriber=1
