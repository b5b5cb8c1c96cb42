# Story: the queue of an absent session has two places. The third message is refused: 0x97 in MQTT 5.0, no acknowledgement
# and the end of the connection in 3.1.1. What was acknowledged arrives, in order, and nothing else.
# Statements: MQTT-4.8.0-2 of 3.1.1; 5.0, 3.4.2.1.
# Defect: class 21; acknowledged and dropped (Mosquitto and VerneMQ by default: 20,000 acknowledged, 1,000 kept).
options queue_messages_max=2
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2
ann > PUBLISH topic=t payload=three qos=1 id=3
[3] ann < closed
[5] ann < PUBACK id=3 code=0x97
broker counts refused_queue_full=1
broker counts dropped_queue_full=0
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob < PUBLISH topic=t payload=two qos=1 id=$two
bob > PUBACK id=$one
bob > PUBACK id=$two
bob < nothing
