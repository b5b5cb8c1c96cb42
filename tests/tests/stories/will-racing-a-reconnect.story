# Story: a device with a Will Delay Interval of 5 seconds is lost. It is back after 4.999 seconds: no will. Lost again, it is
# back after 5 seconds: the will was published, once.
# Statements: MQTT-3.1.3-9, MQTT-3.1.2-8.
# Defect: wills of devices that are there; wills that come twice (mosquitto#3221 and others).
versions 5
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
dev connects keep will=will will-payload=gone will-qos=1 will-delay=5
dev < CONNACK
dev resets
wait 4999ms
dev connects keep will=will will-payload=gone will-qos=1 will-delay=5
dev < CONNACK present=1
wait 10s
bob < nothing
dev resets
wait 5s
bob < PUBLISH topic=will payload=gone qos=1 id=$will
bob > PUBACK id=$will
dev connects keep
dev < CONNACK present=1
wait 10s
bob < nothing
broker counts wills_published=1
