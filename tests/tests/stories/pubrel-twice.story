# Story: PUBCOMP is lost, so PUBREL comes again on the next connection. It is answered, in MQTT 5.0 by 0x92, for the broker
# has released the identifier; in 3.1.1 PUBCOMP has no code.
# Statements: MQTT-4.3.3-12, 3.1.1 MQTT-4.3.3-2; 5.0, 3.7.2.1.
# Defect: brokers that do not answer leave the publisher with an exchange that never ends.
ann connects keep
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7 code=0|16
ann stops-reading
ann > PUBREL id=7
ann resets
ann connects keep
ann < CONNACK present=1
ann > PUBREL id=7
[3] ann < PUBCOMP id=7
[5] ann < PUBCOMP id=7 code=0x92
ann < nothing
