# Story: No Local keeps a client's own messages from it, whatever connection it published on; Retain As Published keeps the
# flag on the way.
# Statements: MQTT-3.8.3-3, MQTT-3.8.3-4, MQTT-3.3.1-12, MQTT-3.3.1-13.
# Defect: class 41; options forgotten on the way between cores.
versions 5
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=0 no-local as-published
bob < SUBACK id=1 codes=0
ann connects
ann < CONNACK
bob > PUBLISH topic=t payload=own qos=1 id=1
bob < PUBACK id=1 code=0|16
ann > PUBLISH topic=t payload=other qos=1 id=1 retain
ann < PUBACK id=1
bob < PUBLISH topic=t payload=other retain
bob < nothing
ann > SUBSCRIBE id=2 filter=$share/g/t qos=0 no-local
ann < closed code=0x82
