# Story: a client that broke the protocol does not close its side. It is told, cut after two seconds, and nothing of it is
# left.
# Statements: 5.0, 4.13.1.
# Defect: classes 19 and 28; sockets of refused clients that stay for ever (CVE-2025-63235).
dev connects
dev < CONNACK
dev lingers
dev > raw 30 FF FF FF FF
dev < closed code=0x81
broker counts connections=1
wait 3s
broker counts connections=0
