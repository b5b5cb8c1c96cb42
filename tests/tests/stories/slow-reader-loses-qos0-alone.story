# Story: a subscriber stops reading. QoS 0 beyond its output's bound is dropped and counted, QoS 1 waits; when it reads on,
# what was kept comes, in order. The publisher is never held up.
# Statements: MQTT-4.6.0-6; 5.0, 4.9.
# Defect: class 20; unbounded output (RUSTSEC-2020-0043, rumqtt#599).
options output_bytes_max=4096
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
ann connects
ann < CONNACK
bob stops-reading
ann > PUBLISH topic=t payload=a*3000
ann > PUBLISH topic=t payload=b*3000
ann > PUBLISH topic=t payload=c*3000
ann > PUBLISH topic=t payload=kept qos=1 id=1
ann < PUBACK id=1
broker counts dropped_output_full=1
bob reads-on
bob < PUBLISH topic=t payload=a*3000
bob < PUBLISH topic=t payload=b*3000
bob < PUBLISH topic=t payload=kept qos=1 id=$kept
bob > PUBACK id=$kept
bob < nothing
