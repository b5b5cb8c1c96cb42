# Story: who is not known yet parks no more than the bound of CONNECT: one that claims more is closed at its header.
# Statements: 5.0, 3.1.2.11.4 and 4.13; the deployment's limit mqtt.connect_bytes_max.
# Defect: classes 9 and 10 (CVE-2023-0809; Mosquitto holds 2-8 MiB of CONNECT).
eve opens
eve > raw 10 81 80 04
eve < closed
broker counts connections=0
