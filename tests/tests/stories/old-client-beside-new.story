# Story: an MQTT 3.1 client and a 5.0 client talk through the broker: properties stay behind, QoS and retain go through.
# Statements: 3.1, 3.3; 5.0, 3.3.
# Defect: class 5; properties in packets of a version that has none.
versions 3.1
old connects keep
old < CONNACK
old > SUBSCRIBE id=1 filter=t qos=2
old < SUBACK id=1 codes=2
new connects version=5 clean=1 expiry=60
new < CONNACK
new > SUBSCRIBE id=1 filter=t qos=1 identifier=9 no-local
new < SUBACK id=1 codes=1
new > PUBLISH topic=t payload=up qos=2 id=1 expiry=60
new < PUBREC id=1
new > PUBREL id=1
new < PUBCOMP id=1
old < PUBLISH topic=t payload=up qos=2 id=$up
old > PUBREC id=$up
old < PUBREL id=$up
old > PUBCOMP id=$up
old > PUBLISH topic=t payload=down qos=2 id=1
old < among PUBREC id=1
old > PUBREL id=1
old < among PUBCOMP id=1
old < PUBLISH topic=t payload=down qos=2 id=$down
old > PUBREC id=$down
old < PUBREL id=$down
old > PUBCOMP id=$down
new < PUBLISH topic=t payload=down qos=1 id=$seen identifiers=9
new > PUBACK id=$seen
new < nothing
old < nothing
