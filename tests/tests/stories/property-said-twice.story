# Story: a property that may be there once is there twice, or does not belong into the packet: the connection is closed, in
# the CONNECT too, and leaves nothing.
# Statements: 5.0, 2.2.2.2, 3.3.2.3.3, 4.13.1.
# Defect: classes 5 and 8 (CVE-2023-3592, mosquitto#1244).
versions 5
eve opens
eve > raw 10 17 00 04 4D 51 54 54 05 02 00 00 0A 11 00 00 00 01 11 00 00 00 01 00 00
eve < CONNACK code=0x82
eve < closed
ann connects
ann < CONNACK
ann > raw 30 0E 00 01 74 0A 02 00 00 00 09 02 00 00 00 09 78
ann < closed code=0x82
ann connects
ann < CONNACK
ann > raw 30 09 00 01 74 05 11 00 00 00 01
ann < closed code=0x81
broker counts sessions=0
