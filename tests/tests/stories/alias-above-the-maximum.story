# Story: an alias above what CONNACK allows closes the connection by 0x94, and so does alias 0; nothing is delivered.
# Statements: MQTT-3.3.2-8, MQTT-3.3.2-9.
# Defect: class 24; the alias table grows with what a client claims.
versions 5
options topic_alias_maximum=2
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK alias-maximum=2
ann > PUBLISH topic=t payload=one qos=1 id=1 alias=2
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
ann > PUBLISH topic=t payload=two qos=1 id=2 alias=3
ann < closed code=0x94
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=three qos=1 id=3 alias=0
ann < closed code=0x94
bob < nothing
