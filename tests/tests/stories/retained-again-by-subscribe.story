# Story: the same SUBSCRIBE again brings the retained message again; with Retain Handling 1 only a new subscription does, and
# with 2 none.
# Statements: MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11, MQTT-3.8.4-3.
# Defect: devices that are flooded at each reconnect.
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=state qos=1 id=1 retain
ann < PUBACK id=1 code=0|16
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
bob < PUBLISH topic=t payload=state retain
bob > SUBSCRIBE id=2 filter=t qos=0
bob < SUBACK id=2 codes=0
bob < PUBLISH topic=t payload=state retain
[5] bob > SUBSCRIBE id=3 filter=t qos=0 handling=1
[5] bob < SUBACK id=3 codes=0
[5] bob < nothing
[5] bob > SUBSCRIBE id=4 filter=# qos=0 handling=1
[5] bob < SUBACK id=4 codes=0
[5] bob < PUBLISH topic=t payload=state retain
[5] bob > SUBSCRIBE id=5 filter=+ qos=0 handling=2
[5] bob < SUBACK id=5 codes=0
bob < nothing
bob resets
bob connects keep
bob < CONNACK present=1
bob < nothing
