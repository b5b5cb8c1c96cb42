# Story: two QoS 2 messages wait for PUBCOMP and one for PUBREC when their subscriber is lost. PUBREL, PUBREL and PUBLISH come
# again in the order of before.
# Statements: MQTT-4.4.0-1, MQTT-4.6.0-4.
# Defect: class 57.
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=1
ann > PUBLISH topic=t payload=two qos=2 id=2
ann > PUBLISH topic=t payload=three qos=2 id=3
ann < PUBREC id=1
ann < PUBREC id=2
ann < PUBREC id=3
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob < PUBLISH topic=t payload=two qos=2 id=$two
bob < PUBLISH topic=t payload=three qos=2 id=$three
differ $one $two $three
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBREC id=$two
bob < PUBREL id=$two
bob resets
bob connects keep
bob < CONNACK present=1
bob < PUBREL id=$one
bob < PUBREL id=$two
bob < PUBLISH topic=t payload=three qos=2 id=$three dup
bob > PUBREC id=$three
bob < PUBREL id=$three
bob > PUBCOMP id=$one
bob > PUBCOMP id=$two
bob > PUBCOMP id=$three
bob < nothing
broker counts messages_inflight=0
