# Story: three filters of one client match one message: it comes once, at the highest QoS, with all identifiers.
# Statements: MQTT-3.3.4-2, MQTT-3.3.4-3.
# Defect: class 26; copies by overlap, or an identifier lost.
bob connects
bob < CONNACK
[3] bob > SUBSCRIBE id=1 filter=t/# qos=0
[3] bob < SUBACK id=1 codes=0
[3] bob > SUBSCRIBE id=2 filter=t/+ qos=2
[3] bob < SUBACK id=2 codes=2
[3] bob > SUBSCRIBE id=3 filter=t/x qos=1
[3] bob < SUBACK id=3 codes=1
[5] bob > SUBSCRIBE id=1 filter=t/# qos=0 identifier=5
[5] bob < SUBACK id=1 codes=0
[5] bob > SUBSCRIBE id=2 filter=t/+ qos=2 identifier=6
[5] bob < SUBACK id=2 codes=2
[5] bob > SUBSCRIBE id=3 filter=t/x qos=1
[5] bob < SUBACK id=3 codes=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t/x payload=one qos=2 id=1
ann < PUBREC id=1
ann > PUBREL id=1
ann < PUBCOMP id=1
[3] bob < PUBLISH topic=t/x payload=one qos=2 id=$one
[5] bob < PUBLISH topic=t/x payload=one qos=2 id=$one identifiers=5,6
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
