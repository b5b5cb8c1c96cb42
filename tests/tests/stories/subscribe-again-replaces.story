# Story: SUBSCRIBE to a filter that is there replaces it: one copy comes, at the new QoS.
# Statements: MQTT-3.8.4-3.
# Defect: class 25; each SUBSCRIBE adds one, and each message comes twice.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0
bob < SUBACK id=1 codes=0
bob > SUBSCRIBE id=2 filter=t qos=1
bob < SUBACK id=2 codes=1
broker counts subscriptions=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
bob < nothing
