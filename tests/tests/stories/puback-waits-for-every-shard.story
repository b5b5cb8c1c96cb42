# Story: the ways between shards are slow, and a queue is so small that any shard may refuse. PUBACK and PUBREC wait until
# the shard of every subscriber has the message.
# Statements: MQTT-4.3.2-4, MQTT-4.3.3-8; the promise G1.
# Defect: class 52; acknowledged, and lost with the node that had not passed it on.
shards 2 3
options queue_messages_max=1
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
carl connects keep
carl < CONNACK
carl > SUBSCRIBE id=1 filter=t qos=1
carl < SUBACK id=1 codes=1
dora connects keep
dora < CONNACK
dora > SUBSCRIBE id=1 filter=t qos=1
dora < SUBACK id=1 codes=1
william connects keep
william < CONNACK
william > SUBSCRIBE id=1 filter=t qos=1
william < SUBACK id=1 codes=1
ann connects
ann < CONNACK
peers hold
ann > PUBLISH topic=t payload=one qos=1 id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann < nothing
peers flow
ann < PUBACK id=1
ann < PUBREC id=2
ann > PUBREL id=2
ann < PUBCOMP id=2
bob < PUBLISH topic=t payload=one qos=1 id=any
bob < PUBLISH topic=t payload=two qos=1 id=any
carl < PUBLISH topic=t payload=one qos=1 id=any
carl < PUBLISH topic=t payload=two qos=1 id=any
dora < PUBLISH topic=t payload=one qos=1 id=any
dora < PUBLISH topic=t payload=two qos=1 id=any
william < PUBLISH topic=t payload=one qos=1 id=any
william < PUBLISH topic=t payload=two qos=1 id=any
