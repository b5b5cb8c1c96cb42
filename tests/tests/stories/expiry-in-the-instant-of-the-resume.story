# Story: the session ends in the very instant in which its client is back. Whoever is first, the client is told the truth:
# the session is over, and it gets nothing of it.
# Statements: MQTT-3.1.2-23, MQTT-3.2.2-2.
# Defect: Session Present 1 for a session whose subscriptions are gone.
versions 5
bob connects expiry=10 clean=0
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
wait 9999ms
back opens
wait 1ms
back > CONNECT as=bob expiry=10 clean=0
back < CONNACK present=0
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1 code=0|16
back < nothing
broker counts subscriptions=0
