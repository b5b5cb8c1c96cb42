# Story: a device connects a second time while its first connection is in the middle of QoS 2, in both directions. The first
# is closed by 0x8E; the second goes on where the first was, and nothing comes twice.
# Statements: MQTT-3.1.4-3 (3.1.1: MQTT-3.1.4-2), MQTT-4.4.0-1, MQTT-4.3.3-12.
# Defect: class 44, takeover races (CVE-2025-59946, vernemq#571), and class 55.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=up qos=2
bob < SUBACK id=1 codes=2
old connects as=dev keep
old < CONNACK
old > SUBSCRIBE id=1 filter=down qos=2
old < SUBACK id=1 codes=2
bob > PUBLISH topic=down payload=order qos=2 id=3
bob < PUBREC id=3
old < PUBLISH topic=down payload=order qos=2 id=$order
old > PUBREC id=$order
old < PUBREL id=$order
old > PUBLISH topic=up payload=report qos=2 id=4
old < PUBREC id=4
new connects as=dev keep
old < closed code=0x8E
new < CONNACK present=1
new < PUBREL id=$order
new > PUBCOMP id=$order
new > PUBLISH topic=up payload=report qos=2 id=4 dup
new < PUBREC id=4
new > PUBREL id=4
new < PUBCOMP id=4
bob < PUBLISH topic=up payload=report qos=2 id=$report
bob > PUBREC id=$report
bob < PUBREL id=$report
bob > PUBCOMP id=$report
bob > PUBREL id=3
bob < PUBCOMP id=3
new < nothing
bob < nothing
broker counts takeovers=1
