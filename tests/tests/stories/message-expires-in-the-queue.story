# Story: of two queued messages one expires before its subscriber is back; the other comes with what is left of its time.
# Statements: MQTT-3.3.2-5, MQTT-3.3.2-6.
# Defect: class 21; messages that come late with their old interval.
versions 5
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=short qos=1 id=1 expiry=5
ann < PUBACK id=1
ann > PUBLISH topic=t payload=long qos=1 id=2 expiry=50
ann < PUBACK id=2
wait 20s
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=long qos=1 id=$long expiry=30
bob > PUBACK id=$long
bob < nothing
broker counts dropped_expired=1
