# Story: the session ends before the Will Delay Interval is over: the will is published then.
# Statements: MQTT-3.1.2-8; 5.0, 3.1.3.2.2.
# Defect: class 27; the will waits for a session that is gone, for ever.
versions 5
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
dev connects expiry=3 clean=0 will=will will-payload=gone will-qos=1 will-delay=100
dev < CONNACK
dev resets
wait 2999ms
bob < nothing
wait 1ms
bob < PUBLISH topic=will payload=gone qos=1 id=$will
bob > PUBACK id=$will
wait 100s
bob < nothing
