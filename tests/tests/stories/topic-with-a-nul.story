# Story: a topic with U+0000, with a surrogate, or overlong: refused, and delivered to nobody.
# Statements: MQTT-1.5.4-1, MQTT-1.5.4-2 (3.1.1: MQTT-1.5.3-1, MQTT-1.5.3-2).
# Defect: class 6.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
eve connects
eve < CONNACK
[3] eve > raw 30 05 00 03 61 00 62
[5] eve > raw 30 06 00 03 61 00 62 00
eve < closed code=0x81
eve connects
eve < CONNACK
[3] eve > raw 30 05 00 03 ED A0 80
[5] eve > raw 30 06 00 03 ED A0 80 00
eve < closed code=0x81
eve connects
eve < CONNACK
[3] eve > raw 30 04 00 02 C0 AF
[5] eve > raw 30 05 00 02 C0 AF 00
eve < closed code=0x81
bob < nothing
