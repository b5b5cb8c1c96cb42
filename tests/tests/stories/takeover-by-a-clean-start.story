# Story: a takeover with Clean Start ends the old session: neither subscriptions nor unfinished messages are left.
# Statements: MQTT-3.1.2-4 (3.1.1: MQTT-3.1.2-6), MQTT-3.1.4-3, MQTT-3.2.2-2.
# Defect: class 44; parts of the old session live on in the new one.
old connects as=dev keep
old < CONNACK
old > SUBSCRIBE id=1 filter=t qos=1
old < SUBACK id=1 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
old < PUBLISH topic=t payload=one qos=1 id=$one
new connects as=dev
old < closed code=0x8E
new < CONNACK present=0
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2 code=0|16
new < nothing
broker counts subscriptions=0
