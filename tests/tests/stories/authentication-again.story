# Story: re-authentication on a live connection: messages go on meanwhile, success is AUTH 0x00, and failure ends the
# connection by 0x87 and keeps the session.
# Statements: MQTT-4.12.1-1, MQTT-4.12.1-2; 5.0, 4.12.1.
# Defect: a connection whose re-authentication fails stays open.
versions 5
options auth=1
ann connects keep method=TEST data=hello
ann < AUTH code=0x18 method=TEST data=challenge
ann > AUTH code=0x18 method=TEST data=secret
ann < CONNACK method=TEST data=welcome
ann > SUBSCRIBE id=1 filter=t qos=0
ann < SUBACK id=1 codes=0
ann > AUTH code=0x19 method=TEST
ann < AUTH code=0x18 method=TEST data=challenge
ann > PUBLISH topic=t payload=meanwhile
ann < PUBLISH topic=t payload=meanwhile
ann > AUTH code=0x18 method=TEST data=secret
ann < AUTH code=0 method=TEST data=welcome
ann > AUTH code=0x19 method=TEST
ann < AUTH code=0x18 method=TEST data=challenge
ann > AUTH code=0x18 method=TEST data=guess
ann < closed code=0x87
broker counts sessions=1
