# Story: a broker that keeps nothing crashes and begins anew: no session, no subscription, no queue, no retained message, no
# identifier in use; and a will of a connection that the crash cut is never published.
# Statements: MQTT-3.2.2-3 (3.1.1: MQTT-3.2.2-3), MQTT-4.3.3-10; nothing is promised without a store.
# Defect: class 27; brokers that come back with half a state, and publish what they forgot to forget.
ann connects keep will=w will-payload=dead will-qos=1
ann < CONNACK
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=2
bob < SUBACK id=1 codes=2
dev connects keep
dev < CONNACK
dev > SUBSCRIBE id=1 filter=t qos=1
dev < SUBACK id=1 codes=1
dev resets
ann > PUBLISH topic=r payload=kept qos=1 id=1 retain
ann < PUBACK id=1
bob < PUBLISH topic=r payload=kept qos=1 id=$one
bob > PUBACK id=$one
ann > PUBLISH topic=t payload=old qos=2 id=7
ann < PUBREC id=7
bob < PUBLISH topic=t payload=old qos=2 id=$two
bob > PUBREC id=$two
bob < PUBREL id=$two
broker counts sessions=3
broker restarts
broker counts sessions=0
broker counts retained_messages=0
ann < closed
bob < closed
bob connects keep
bob < CONNACK present=0
bob > SUBSCRIBE id=1 filter=# qos=2
bob < SUBACK id=1 codes=2
bob < nothing
dev connects keep
dev < CONNACK present=0
ann connects keep
ann < CONNACK present=0
ann > PUBLISH topic=t payload=new qos=2 id=7
ann < PUBREC id=7
ann > PUBREL id=7
ann < PUBCOMP id=7
bob < PUBLISH topic=t payload=new qos=2 id=$three
bob > PUBREC id=$three
bob < PUBREL id=$three
bob > PUBCOMP id=$three
wait 5s
bob < nothing
dev < nothing
broker counts publishes_duplicate=0
