# Story: PUBREL for an identifier that never was is answered, in MQTT 5.0 by 0x92.
# Statements: 5.0, 3.6.2.1 and 4.13.2; 3.1.1, 4.3.3.
# Defect: class 3; a table is read at a place that does not exist.
ann connects
ann < CONNACK
ann > PUBREL id=99
[3] ann < PUBCOMP id=99
[5] ann < PUBCOMP id=99 code=0x92
ann < nothing
