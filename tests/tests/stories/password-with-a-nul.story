# Story: a password that goes on behind a NUL is another password.
# Statements: 5.0, 3.1.3.6: Binary Data.
# Defect: class 7; binary passwords compared as C strings (Mosquitto 2.0.11 and 2.1).
options auth=1
eve opens
[3.1.1] eve > raw 10 19 00 04 4D 51 54 54 04 C2 00 00 00 01 65 00 01 65 00 07 73 65 63 72 65 74 00
[3.1.1] eve < CONNACK code=4
[5] eve > raw 10 1A 00 04 4D 51 54 54 05 C2 00 00 00 00 01 65 00 01 65 00 07 73 65 63 72 65 74 00
[5] eve < CONNACK code=0x86
eve < closed
