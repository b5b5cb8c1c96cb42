# Story: client and broker use the same Packet Identifier at the same time, each for its own message: neither confuses them.
# Statements: MQTT-2.2.1-3; 5.0, 2.2.1.
# Defect: class 56; one table for both directions.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=down qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > SUBSCRIBE id=1 filter=up qos=0
ann < SUBACK id=1 codes=0
ann > PUBLISH topic=down payload=order qos=2 id=1
ann < PUBREC id=1
bob < PUBLISH topic=down payload=order qos=2 id=$both
bob > PUBLISH topic=up payload=report qos=2 id=$both
bob < PUBREC id=$both
bob > PUBREC id=$both
bob < PUBREL id=$both
bob > PUBREL id=$both
bob < PUBCOMP id=$both
bob > PUBCOMP id=$both
ann < PUBLISH topic=up payload=report
ann > PUBREL id=1
ann < PUBCOMP id=1
bob < nothing
