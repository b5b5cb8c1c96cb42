# Story: the store fails. From then on nothing that needs it is acknowledged; QoS 0 and PINGREQ go on.
# Statements: MQTT-4.3.2-4; the promise G15.
# Defect: class 58; the same answer for stored and not stored.
options durable=1
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
store fails
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=zero
bob < PUBLISH topic=t payload=zero
ann > PINGREQ
ann < PINGRESP
bob > PINGREQ
bob < PINGRESP
bob < nothing
