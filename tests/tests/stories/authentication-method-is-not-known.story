# Story: an Authentication Method that nobody knows is refused by 0x8C; AUTH from a client that named none is a protocol
# error.
# Statements: MQTT-4.12.0-1, MQTT-4.12.0-6; 5.0, 4.12.
# Defect: class 45; an unknown method lets in like none.
versions 5
options auth=1
eve connects method=OTHER
eve < CONNACK code=0x8C
eve < closed
ann connects user=ann password=secret
ann < CONNACK
ann > AUTH code=0x19 method=TEST
ann < closed code=0x82
