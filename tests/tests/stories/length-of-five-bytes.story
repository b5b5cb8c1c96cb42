# Story: a Remaining Length of five bytes closes the connection at its fourth: whole, in pieces, in a property list too.
# Statements: 5.0, 1.5.5; 3.1.1, 2.2.3.
# Defect: class 2 (CVE-2026-21888, CVE-2025-66168, CVE-2026-40046).
eve connects
eve < CONNACK
eve > raw 30 80 80 80
eve < nothing
eve > raw 80
eve < closed code=0x81
[5] eve connects
[5] eve < CONNACK
[5] eve > raw 30 09 00 01 74 80 80 80 80 01 00
[5] eve < closed code=0x81
broker counts connections=0
