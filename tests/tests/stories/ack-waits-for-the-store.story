# Story: the store takes its time. Until it has answered, no acknowledgement of any kind leaves, and no QoS 2 message reaches
# a session that lasts; QoS 0 goes on.
# Statements: MQTT-4.3.2-4, MQTT-4.3.3-8; the promise G2.
# Defect: classes 52 and 58; acknowledged before it is durable (mosquitto#1855, nats-server#7564).
options durable=1
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects keep
ann < CONNACK
store holds
ann > PUBLISH topic=t payload=one qos=1 id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann > PUBLISH topic=t payload=zero
bob < among PUBLISH topic=t payload=zero
new connects keep
new < nothing
ann < nothing
store answers
new < CONNACK present=0
ann < PUBACK id=1
ann < PUBREC id=2
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
bob < PUBLISH topic=t payload=two qos=2 id=$two
bob > PUBREC id=$two
bob < PUBREL id=$two
bob > PUBCOMP id=$two
ann > PUBREL id=2
ann < PUBCOMP id=2
bob < nothing
