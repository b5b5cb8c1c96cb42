# Story: a member with a session has sent PUBREC and is lost. The message stays with its session: nobody else gets it, and
# the exchange is ended when it is back.
# Statements: MQTT-4.8.2-4, MQTT-4.8.2-6, MQTT-4.4.0-1.
# Defect: class 55; a QoS 2 message of a group is delivered to two members.
versions 5
one connects keep
one < CONNACK
one > SUBSCRIBE id=1 filter=$share/g/t qos=2
one < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=work qos=2 id=1
ann < PUBREC id=1
ann > PUBREL id=1
ann < PUBCOMP id=1
one < PUBLISH topic=t payload=work qos=2 id=$work
one > PUBREC id=$work
one < PUBREL id=$work
two connects
two < CONNACK
two > SUBSCRIBE id=1 filter=$share/g/t qos=2
two < SUBACK id=1 codes=2
one resets
wait 60s
two < nothing
one connects keep
one < CONNACK present=1
one < PUBREL id=$work
one > PUBCOMP id=$work
one < nothing
two < nothing
