# Story: an administrator closes a connection: 0x98, the will is published, and the session stays.
# Statements: 5.0, 3.14.2.1; MQTT-3.1.2-8.
# Defect: class 42; rights are revoked and the connection stays.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=0
bob < SUBACK id=1 codes=0
dev connects keep will=will will-payload=gone
dev < CONNACK
dev is-removed
dev < closed code=0x98
bob < PUBLISH topic=will payload=gone
broker counts sessions=2
dev connects keep
dev < CONNACK present=1
