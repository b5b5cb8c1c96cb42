# Story: a publisher that has its PUBREC sends the PUBLISH again with DUP, and then the same once more without DUP: until
# PUBREL the identifier decides, not the flag.
# Statements: MQTT-4.3.3-10, MQTT-4.3.3-11, MQTT-3.3.1-1.
# Defect: class 55; brokers that look at DUP instead of the identifier deliver twice.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
ann > PUBLISH topic=t payload=one qos=2 id=7 dup
ann < PUBREC id=7
ann > PUBLISH topic=t payload=one qos=2 id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
broker counts publishes_duplicate=2
