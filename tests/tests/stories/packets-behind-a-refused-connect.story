# Story: a client that is refused has sent SUBSCRIBE and PUBLISH behind its CONNECT. Neither is executed.
# Statements: MQTT-3.1.4-6, MQTT-3.2.2-7.
# Defect: class 47; packets pipelined behind a failing CONNECT.
options auth=1
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=1
bob < SUBACK id=1 codes=1
eve opens &
eve > CONNECT keep user=eve password=guess &
eve > SUBSCRIBE id=1 filter=# qos=1 &
eve > PUBLISH topic=t payload=evil qos=1 id=1 retain
[3] eve < CONNACK code=4
[5] eve < CONNACK code=0x86
eve < closed
bob < nothing
broker counts retained_messages=0
broker counts subscriptions=1
broker counts sessions=1
