# Story: a connection whose CONNECT drips in is closed after eight seconds, and leaves nothing.
# Statements: 5.0, 3.1.4; 3.1.1, 3.1.4.
# Defect: class 17; half-open connections that stay (CVE-2020-13849; Mosquitto keeps them more than 15 s).
dev opens
wait 5s
dev > raw 10 20 00 04
wait 2999ms
dev < nothing
wait 1ms
dev < closed
broker counts connections=0
