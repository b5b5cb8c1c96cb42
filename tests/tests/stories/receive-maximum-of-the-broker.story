# Story: the broker announces Receive Maximum 2. A client with two messages that are not released sends a third: it is
# closed by 0x93. After PUBCOMP there is room.
# Statements: MQTT-3.3.4-7; 5.0, 3.2.2.3.3.
# Defect: class 23, identifiers that are never released fill the broker (CVE-2023-28366).
versions 5
options receive_maximum=2
ann connects keep
ann < CONNACK receive-maximum=2
ann > PUBLISH topic=t payload=one qos=2 id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann < PUBREC id=1 code=0|16
ann < PUBREC id=2 code=0|16
ann > PUBREL id=1
ann < PUBCOMP id=1
ann > PUBLISH topic=t payload=three qos=2 id=3
ann < PUBREC id=3 code=0|16
ann > PUBLISH topic=t payload=four qos=2 id=4
ann < closed code=0x93
