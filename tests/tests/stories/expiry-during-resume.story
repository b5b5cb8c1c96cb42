# Story: a session of 10 seconds is resumed 9 seconds after its connection was lost, and counts anew from the next loss; the
# time after that it is 10 seconds late, and is gone with its messages.
# Statements: MQTT-3.1.2-23, MQTT-3.2.2-2; 5.0, 3.1.2.11.2.
# Defect: sessions that expire while their client is connected, because the timer of the last absence still runs.
versions 5
bob connects expiry=10 clean=0
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
wait 9s
bob connects expiry=10 clean=0
bob < CONNACK present=1
wait 30s
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob resets
wait 10s
bob connects expiry=10 clean=0
bob < CONNACK present=0
bob < nothing
broker counts sessions_expired=1
broker counts messages_inflight=0
