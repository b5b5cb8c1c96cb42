# Story: a 3.1.1 client with one message in flight sends PUBREC and no PUBCOMP. Retries repeat PUBREL; none of them lets the
# next message through, which comes when PUBCOMP does.
# Statements: 3.1.1, 4.4; the deployment's limits mqtt.inflight_max and mqtt.retry_interval.
# Defect: class 20; what waits for an acknowledgement grows with every retry.
versions 3.1 3.1.1
options retry_s=10 inflight_max=1
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=2
bob < SUBACK id=1 codes=2
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=one qos=2 id=1
ann < PUBREC id=1
ann > PUBLISH topic=t payload=two qos=1 id=2
ann < PUBACK id=2
bob < PUBLISH topic=t payload=one qos=2 id=$one
bob > PUBREC id=$one
bob < PUBREL id=$one
wait 11s
bob < PUBREL id=$one
bob < nothing
bob > PUBCOMP id=$one
bob < PUBLISH topic=t payload=two qos=1 id=$two
bob > PUBACK id=$two
wait 60s
bob < nothing
