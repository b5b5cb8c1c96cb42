# Story: five connections with one Client Identifier arrive in the same instant. One of them is left, the others are closed,
# and there is one session, which the next one finds.
# Statements: MQTT-3.1.4-3.
# Defect: class 44; two owners of one session, or none.
one connects as=dev keep &
two connects as=dev keep &
three connects as=dev keep &
four connects as=dev keep &
five connects as=dev keep
broker counts takeovers=4
broker counts sessions=1
broker counts sessions_connected=1
broker counts connections=1
one skips
two skips
three skips
four skips
five skips
last connects as=dev keep
last < CONNACK present=1
last < nothing
one skips
two skips
three skips
four skips
five skips
broker counts takeovers=5
one < closed
two < closed
three < closed
four < closed
five < closed
