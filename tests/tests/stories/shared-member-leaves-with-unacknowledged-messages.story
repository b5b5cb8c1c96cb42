# Story: a member of a group leaves for good with a message that it has not acknowledged. The message goes to the other
# member, as QoS 1 allows, and to nobody else.
# Statements: MQTT-4.8.2-5, MQTT-4.8.2-6; 5.0, 4.8.2.
# Defect: class 21; work that was handed to a member dies with it.
versions 5
watch connects
watch < CONNACK
watch > SUBSCRIBE id=1 filter=t qos=0
watch < SUBACK id=1 codes=0
one connects
one < CONNACK
one > SUBSCRIBE id=1 filter=$share/g/t qos=1
one < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=work qos=1 id=1
ann < PUBACK id=1
watch < PUBLISH topic=t payload=work
one < PUBLISH topic=t payload=work qos=1 id=any
two connects
two < CONNACK
two > SUBSCRIBE id=1 filter=$share/g/t qos=1
two < SUBACK id=1 codes=1
two < nothing
one resets
two < PUBLISH topic=t payload=work qos=1 id=$work
two > PUBACK id=$work
two < nothing
watch < nothing
