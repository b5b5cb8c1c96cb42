# Story: a subscriber acknowledges the second of three messages and is lost. The first and the third come again with DUP, in
# their order and with their identifiers; a new one follows with another identifier.
# Statements: MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-2.2.1-2.
# Defect: classes 56 and 57; order or identifiers lost by a resume.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2
ann > PUBLISH topic=t payload=three qos=1 id=3
ann < PUBACK id=3
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob < PUBLISH topic=t payload=two qos=1 id=$two
bob < PUBLISH topic=t payload=three qos=1 id=$three
bob > PUBACK id=$two
bob resets
ann > PUBLISH topic=t payload=four qos=1 id=4
ann < PUBACK id=4
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=one qos=1 id=$one dup
bob < PUBLISH topic=t payload=three qos=1 id=$three dup
bob < PUBLISH topic=t payload=four qos=1 id=$four
differ $one $three $four
bob > PUBACK id=$one
bob > PUBACK id=$three
bob > PUBACK id=$four
bob < nothing
