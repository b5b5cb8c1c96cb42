# Story: a rule refuses topics. PUBLISH, a will and a subscription to them are refused by 0x87 (3.1.1: acknowledged and gone
# nowhere, 0x05, 0x80), with $share in front too; what is delivered is what was checked.
# Statements: MQTT-3.3.5-2 of 3.1.1; 5.0, 3.4.2.1, 3.9.3; MQTT-3.8.4-6.
# Defect: classes 40 and 41 (CVE-2026-49186, mosquitto#1318, emqx#2378): wills, aliases and shared filters pass the check.
access refuses both secret/#
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=1
bob < SUBACK id=1 codes=1
eve connects
eve < CONNACK
[3] eve > SUBSCRIBE id=1 filter=secret/plan,$share/g/secret/#,open qos=1
[3] eve < SUBACK id=1 codes=0x80,0x80,1
[5] eve > SUBSCRIBE id=1 filter=secret/plan,$share/g/secret/#,open qos=1
[5] eve < SUBACK id=1 codes=0x87,0x87,1
eve > PUBLISH topic=secret/plan payload=one qos=1 id=2
[3] eve < PUBACK id=2
[5] eve < PUBACK id=2 code=0x87
eve > PUBLISH topic=secret/plan payload=two qos=2 id=3 retain
[3] eve < PUBREC id=3
[3] eve > PUBREL id=3
[3] eve < PUBCOMP id=3
[5] eve < PUBREC id=3 code=0x87
[5] eve > PUBLISH topic=secret/plan payload=three alias=1
[5] eve > PUBLISH topic= payload=four alias=1
mallory connects will=secret/plan will-payload=five
[3] mallory < CONNACK code=5
[5] mallory < CONNACK code=0x87
mallory < closed
bob < nothing
eve < nothing
broker counts retained_messages=0
