# Story: the ways between shards are slow. SUBACK does not wait until every shard knows the filter: what is published behind
# it comes behind the filter on every way, so it is delivered wherever its publisher is.
# Statements: MQTT-3.8.4-1; the promise G4.
# Defect: class 44; subscriptions that are confirmed and miss messages.
shards 2 3
bob connects
bob < CONNACK
ann connects
ann < CONNACK
peers hold
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
peers flow
ann > PUBLISH topic=t payload=one
bob < PUBLISH topic=t payload=one
