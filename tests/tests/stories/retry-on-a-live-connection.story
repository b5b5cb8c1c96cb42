# Story: with mqtt.retry_interval a 3.x client is sent again what it does not acknowledge; a 5.0 client never is.
# Statements: MQTT-4.4.0-1 of 5.0 forbids it; 3.1.1, 4.4 and 3.1, 4.2 allow it.
# Defect: duplicates without end on slow lines.
versions 3.1 3.1.1 5
options retry_s=10
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
wait 9s
bob < nothing
wait 2s
[3] bob < PUBLISH topic=t payload=one qos=1 id=$one dup
bob > PUBACK id=$one
wait 60s
bob < nothing
