# Story: a publisher repeats a QoS 1 message that was acknowledged: QoS 1 is delivered again, with its own identifier and
# without DUP, which is never passed on.
# Statements: MQTT-3.3.1-3, MQTT-4.3.2-5.
# Defect: DUP that is passed on, or QoS 1 that is taken for a repetition.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=one qos=1 id=1 dup
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob < PUBLISH topic=t payload=one qos=1 id=$two
differ $one $two
bob > PUBACK id=$one
bob > PUBACK id=$two
bob < nothing
