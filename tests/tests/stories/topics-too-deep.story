# Story: a filter of three hundred levels is refused, a PUBLISH to a topic as deep too (3.1.1: acknowledged and gone
# nowhere), and nothing is left of either.
# Statements: 5.0, 3.9.3 and 4.7.3.
# Defect: class 13 (CVE-2019-11779, CVE-2021-33176).
eve connects
eve < CONNACK
[3] eve > SUBSCRIBE id=1 filter=a/*300 qos=0
[3] eve < SUBACK id=1 codes=0x80
[5] eve > SUBSCRIBE id=1 filter=a/*300 qos=0
[5] eve < SUBACK id=1 codes=0x8F
eve > SUBSCRIBE id=2 filter=# qos=0
eve < SUBACK id=2 codes=0
eve > PUBLISH topic=a/*300 payload=x qos=1 id=3 retain
[3] eve < PUBACK id=3
[5] eve < PUBACK id=3 code=0x90
eve < nothing
broker counts subscriptions=1
broker counts retained_messages=0
