# Story: a connection that is taken over was not closed by DISCONNECT: its will is published, once.
# Statements: MQTT-3.1.2-8, MQTT-3.1.4-3; 5.0, 3.1.2.5.
# Defect: class 44; wills lost or doubled by a takeover.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
old connects as=dev keep will=will will-payload=gone will-qos=1
old < CONNACK
new connects as=dev keep
old < closed code=0x8E
new < CONNACK present=1
bob < PUBLISH topic=will payload=gone qos=1 id=$will
bob > PUBACK id=$will
new > DISCONNECT
new < closed
bob < nothing
broker counts wills_published=1
