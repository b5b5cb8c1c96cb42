# Story: enhanced authentication: a challenge by AUTH 0x18, an answer, and CONNACK with the last data. What was pipelined
# behind is done only then. A wrong answer is refused and leaves nothing.
# Statements: MQTT-4.12.0-2, MQTT-4.12.0-3, MQTT-4.12.0-5, MQTT-4.12.0-6.
# Defect: class 47; a session before the exchange has ended.
versions 5
options auth=1
ann connects keep method=TEST data=hello
ann < AUTH code=0x18 method=TEST data=challenge
broker counts sessions=0
ann > AUTH code=0x18 method=TEST data=secret
ann < CONNACK method=TEST data=welcome
eve connects keep method=TEST data=hello
eve < AUTH code=0x18 method=TEST data=challenge
eve > AUTH code=0x18 method=TEST data=guess
eve < CONNACK code=0x87
eve < closed
broker counts sessions=1
