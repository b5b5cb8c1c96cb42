# Story: a connection fails and its client is back in the same instant, before the broker has seen the failure. It is a
# takeover, or a resume; either way there is one session and, without a delay, one will.
# Statements: MQTT-3.1.2-8, MQTT-3.1.4-3.
# Defect: class 44; the late end of the old connection ends the new session, or sends the new connection's will.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
dev connects keep will=will will-payload=first will-qos=1
dev < CONNACK
dev resets &
dev connects keep will=will will-payload=second will-qos=1
dev < CONNACK present=1
bob < PUBLISH topic=will payload=first qos=1 id=$will
bob > PUBACK id=$will
bob < nothing
dev < nothing
broker counts wills_published=1
broker counts sessions=2
