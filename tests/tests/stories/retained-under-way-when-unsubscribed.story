# Story: many retained messages are on their way to a subscriber that reads slowly, and it unsubscribes. What was sent comes;
# then UNSUBACK comes, and nothing of the rest behind it.
# Statements: MQTT-3.10.4-2, MQTT-3.10.4-3, MQTT-3.8.4-4.
# Defect: class 22; a search through the retained store that nobody stops.
options inflight_max=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t/1 payload=one qos=1 id=1 retain
ann < PUBACK id=1 code=0|16
ann > PUBLISH topic=t/2 payload=two qos=1 id=2 retain
ann < PUBACK id=2 code=0|16
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t/1,t/2 qos=1
bob < SUBACK id=1 codes=1,1
bob < PUBLISH topic=t/1 payload=one qos=1 id=$one retain
bob < nothing
bob > UNSUBSCRIBE id=2 filter=t/1,t/2
[3] bob < UNSUBACK id=2
[5] bob < UNSUBACK id=2 codes=0,0
bob > PUBACK id=$one
bob < among PUBLISH topic=t/2 payload=two qos=1 id=$two retain
bob > PUBACK id=$two
bob < nothing
