# Story: three messages are in flight, and the client comes back with Receive Maximum 1. It gets one of them again, and the
# next only when that is acknowledged; all in the order of before, with the identifiers of before.
# Statements: MQTT-3.3.4-9, MQTT-4.4.0-1, MQTT-4.6.0-1.
# Defect: a resume that sends everything at once.
versions 5
bob connects keep receive-maximum=3
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann > PUBLISH topic=t payload=two qos=1 id=2
ann > PUBLISH topic=t payload=three qos=1 id=3
ann < PUBACK id=1
ann < PUBACK id=2
ann < PUBACK id=3
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob < PUBLISH topic=t payload=two qos=1 id=$two
bob < PUBLISH topic=t payload=three qos=1 id=$three
bob resets
bob connects keep receive-maximum=1
bob < CONNACK present=1
bob < PUBLISH topic=t payload=one qos=1 id=$one dup
bob < nothing
bob > PUBACK id=$one
bob < PUBLISH topic=t payload=two qos=1 id=$two dup
bob < nothing
bob > PUBACK id=$two
bob < PUBLISH topic=t payload=three qos=1 id=$three dup
bob > PUBACK id=$three
bob < nothing
