# Story: where a deployment prefers the newest, the oldest message makes room and is counted; the publisher is acknowledged.
# Statements: 5.0, 3.4.2.1; the deployment's choice, limits.queue_full.
# Defect: class 21; drops that nobody counts.
options queue_messages_max=2 queue_full=2
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob resets
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < PUBACK id=1
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2
ann > PUBLISH topic=t payload=three qos=1 id=3
ann < PUBACK id=3
broker counts dropped_queue_full=1
bob connects keep
bob < CONNACK present=1
bob < PUBLISH topic=t payload=two qos=1 id=$two
bob < PUBLISH topic=t payload=three qos=1 id=$three
bob > PUBACK id=$two
bob > PUBACK id=$three
bob < nothing
