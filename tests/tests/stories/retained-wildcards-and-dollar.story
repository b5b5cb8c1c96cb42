# Story: a subscription that begins with a wildcard is sent what is retained, but nothing of the $ topics; a client may not
# publish to those.
# Statements: MQTT-4.7.2-1; 5.0, 4.7.2.
# Defect: class 4 (CVE-2021-34432, CVE-2018-12543).
ann connects
ann < CONNACK
ann > PUBLISH topic=$SYS/x payload=forged qos=1 id=1 retain
[3] ann < PUBACK id=1
[5] ann < PUBACK id=1 code=0x87
ann > PUBLISH topic=t payload=state qos=1 id=2 retain
ann < PUBACK id=2 code=0|16
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
bob < PUBLISH topic=t payload=state retain
bob < nothing
bob > SUBSCRIBE id=2 filter=$SYS/# qos=0
bob < SUBACK id=2 codes=0
bob < nothing
broker counts publishes_denied=1
