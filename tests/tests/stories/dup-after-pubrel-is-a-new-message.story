# Story: DUP on an identifier that was released names a new message: the flag alone proves nothing.
# Statements: MQTT-4.3.3-12, and the note on DUP in 3.3.1.1.
# Defect: brokers that keep identifiers after PUBREL lose the message in silence.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
ann > PUBLISH topic=t payload=two qos=2 id=7 dup
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=one
bob < PUBLISH topic=t payload=two
bob < nothing
