# Story: a connection with a Will Delay Interval is taken over by one that resumes the session: the will is not published.
# Statements: MQTT-3.1.3-9.
# Defect: class 44; each reconnect of a device on a bad line sends its will.
versions 5
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=1
bob < SUBACK id=1 codes=1
old connects as=dev keep will=will will-payload=gone will-qos=1 will-delay=10
old < CONNACK
new connects as=dev keep
old < closed code=0x8E
new < CONNACK present=1
wait 60s
bob < nothing
broker counts wills_published=0
