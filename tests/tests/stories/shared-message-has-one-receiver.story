# Story: two groups and an ordinary subscriber: one member of each group and the subscriber get the message, each once.
# Statements: 5.0, 4.8.2.
# Defect: a message for a group reaches all its members when they are on different cores or nodes.
one connects
one < CONNACK
one > SUBSCRIBE id=1 filter=$share/g/t qos=0
one < SUBACK id=1 codes=0
two connects
two < CONNACK
two > SUBSCRIBE id=1 filter=$share/h/t qos=0
two < SUBACK id=1 codes=0
all connects
all < CONNACK
all > SUBSCRIBE id=1 filter=t qos=0
all < SUBACK id=1 codes=0
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=work qos=1 id=1
ann < PUBACK id=1
one < PUBLISH topic=t payload=work
two < PUBLISH topic=t payload=work
all < PUBLISH topic=t payload=work
broker counts publishes_sent=3
