# Story: a client with a Keep Alive of 10 seconds sends half a packet every now and then. It is closed after 15 seconds, and
# its will is published; half packets feed nothing.
# Statements: MQTT-3.1.2-22 (3.1.1: MQTT-3.1.2-24), MQTT-3.1.2-8.
# Defect: class 18; keep alive fed by partial packets.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=will qos=0
bob < SUBACK id=1 codes=0
dev connects keep-alive=10 will=will will-payload=gone
dev < CONNACK
wait 8s
dev > raw 30 20 00
wait 6s
dev > raw 01
bob < nothing
wait 1s
dev < closed code=0x8D
bob < PUBLISH topic=will payload=gone
broker counts keep_alive_timeouts=1
