# Story: Client Identifiers and user names with + # / in them are names: they lead to sessions of their own, and to no topic
# that others have not.
# Statements: MQTT-3.1.3-4; 5.0, 3.1.3.1.
# Defect: class 39 (CVE-2017-7650, CVE-2026-44838).
options auth=1
bob connects keep user=bob password=secret
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
eve connects as=# keep user=+ password=secret
eve < CONNACK present=0
eve < nothing
eva connects as=b+b keep user=bo/# password=secret
eva < CONNACK present=0
bob > PUBLISH topic=t payload=one qos=1 id=1
bob < among PUBACK id=1
bob < PUBLISH topic=t payload=one qos=1 id=$one
bob > PUBACK id=$one
eve < nothing
eva < nothing
broker counts sessions=3
broker counts takeovers=0
