# Story: the ways between shards are slow. PUBACK and PUBREC do not wait for shards that only have to retain the message: who
# subscribes behind it is sent it, whatever shard has the subscriber.
# Statements: MQTT-4.3.2-4, MQTT-4.3.3-8, MQTT-3.3.1-6; the promise G1.
# Defect: class 52; acknowledged, and lost with the node that had not passed it on.
shards 2 3
ann connects
ann < CONNACK
bob connects
bob < CONNACK
carl connects
carl < CONNACK
peers hold
ann > PUBLISH topic=r/1 payload=one qos=1 id=1 retain
ann < PUBACK id=1
ann > PUBLISH topic=r/2 payload=two qos=2 id=2 retain
ann < PUBREC id=2
ann > PUBREL id=2
ann < PUBCOMP id=2
peers flow
bob > SUBSCRIBE id=1 filter=r/1 qos=1
bob < SUBACK id=1 codes=1
bob < PUBLISH topic=r/1 payload=one qos=1 id=any retain
carl > SUBSCRIBE id=1 filter=r/2 qos=0
carl < SUBACK id=1 codes=0
carl < PUBLISH topic=r/2 payload=two retain
