# Story: a QoS 0 message for an absent session is dropped and counted; QoS 1 beside it is kept.
# Statements: MQTT-3.1.2-5 of 3.1.1 and 5.0, 4.1.
# Defect: class 21.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=lost
ann > PUBLISH topic=t payload=kept qos=1 id=1
ann < PUBACK id=1
broker counts dropped_offline_qos0=1
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=kept qos=1 id=$one
bob > PUBACK id=$one
bob < nothing
