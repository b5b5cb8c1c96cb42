# Story: an empty retained PUBLISH removes what is retained. It is itself delivered, and is not retained.
# Statements: MQTT-3.3.1-6, MQTT-3.3.1-7, MQTT-3.3.1-12.
# Defect: class 27; retained messages that nobody can remove.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=state qos=1 id=1 retain
ann < PUBACK id=1
bob < PUBLISH topic=t payload=state
ann > PUBLISH topic=t payload= qos=1 id=2 retain
ann < PUBACK id=2
bob < PUBLISH topic=t payload=
broker counts retained_messages=0
bob > SUBSCRIBE id=2 filter=t qos=0
bob < SUBACK id=2 codes=0
bob < nothing
