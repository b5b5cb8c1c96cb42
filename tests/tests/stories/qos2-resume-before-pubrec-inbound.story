# Story: a publisher is lost before PUBREC reaches it. It sends the PUBLISH again with DUP on its next connection: the broker
# has it already, answers PUBREC and delivers nothing.
# Statements: MQTT-4.3.3-10, MQTT-4.3.3-11, MQTT-4.4.0-1.
# Defect: class 55; the duplicate is delivered as a new message (emqx and mosquitto had it after a restart).
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects keep
ann < CONNACK
ann stops-reading
ann > PUBLISH topic=t payload=one qos=2 id=7
bob < PUBLISH topic=t payload=one qos=2 id=$one
ann resets
ann connects keep
ann < CONNACK present=1
ann > PUBLISH topic=t payload=one qos=2 id=7 dup
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob > PUBREC id=$one
bob < PUBREL id=$one
bob > PUBCOMP id=$one
bob < nothing
broker counts publishes_duplicate=1
