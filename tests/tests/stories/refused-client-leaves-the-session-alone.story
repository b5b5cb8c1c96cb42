# Story: somebody with a wrong password uses a connected client's identifier. The client stays, and so does its session.
# Statements: MQTT-3.1.4-2, MQTT-3.1.4-3; 5.0, 3.1.4.
# Defect: class 43; a takeover before the check (mosquitto#3551).
options auth=1
bob connects keep user=bob password=secret
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
eve connects as=bob user=bob password=guess
[3] eve < CONNACK code=4
[5] eve < CONNACK code=0x86
eve < closed
bob > PUBLISH topic=t payload=one qos=1 id=1
bob < among PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
bob < nothing
broker counts takeovers=0
