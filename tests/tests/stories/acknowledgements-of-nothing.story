# Story: acknowledgements that answer nothing change nothing; MQTT 5.0 answers PUBREC by PUBREL 0x92.
# Statements: 5.0, 3.5.2.1, 3.6.2.1; 3.1.1, 4.3.3.
# Defect: class 3; a client confirms what it never got, and the broker frees what others hold, or falls.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob > PUBACK id=5
bob > PUBCOMP id=6
bob > PUBREC id=7
[3] bob < PUBREL id=7
[5] bob < PUBREL id=7 code=0x92
bob < nothing
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
bob > PUBACK id=$one
bob < nothing
