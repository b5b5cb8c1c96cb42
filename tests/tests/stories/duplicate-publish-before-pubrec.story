# Story: a hasty publisher sends its QoS 2 message twice, the second with DUP, before PUBREC can have come. Each PUBLISH is
# answered; the subscriber gets one message.
# Statements: MQTT-4.3.3-10, MQTT-4.3.3-11.
# Defect: class 55, a duplicate that overtakes PUBREC is delivered again.
options durable=1
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects keep
ann < CONNACK
store holds
ann > PUBLISH topic=t payload=one qos=2 id=7
ann > PUBLISH topic=t payload=one qos=2 id=7 dup
ann < nothing
store answers
ann < PUBREC id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
broker counts publishes_duplicate=1
