# Story: packets whose fields are longer than the packet are malformed, and nothing of them is executed.
# Statements: MQTT-1.5.4-1, MQTT-4.8.0-1; 5.0, 4.13.1.
# Defect: class 1 (nanomq#2268, #2270, CVE-2024-50948).
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
eve connects
eve < CONNACK
eve > raw 32 03 00 05 74
eve < closed code=0x81
eve connects
eve < CONNACK
eve > raw 82 05 00 01 00 09 74
eve < closed code=0x81
eve connects
eve < CONNACK
eve > raw 40 01 00
eve < closed code=0x81
bob < nothing
broker counts violations=3
