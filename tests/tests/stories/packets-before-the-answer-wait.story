# Story: nobody has answered for a client's credentials yet. What it sent behind its CONNECT waits, and is done in order when
# the answer comes; a client whose answer does not come in time is refused by 0x88.
# Statements: MQTT-3.1.4-5, MQTT-3.1.4-6.
# Defect: class 46; a backend that is down means allow.
options auth=1
auth holds
ann connects user=ann password=secret &
ann > PUBLISH topic=t payload=one qos=1 id=1
ann < nothing
auth answers
ann < CONNACK
ann < PUBACK id=1 code=0|16
auth holds
eve connects user=eve password=secret
wait 4999ms
eve < nothing
wait 1ms
[3] eve < CONNACK code=3
[5] eve < CONNACK code=0x88
eve < closed
