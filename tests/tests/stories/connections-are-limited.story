# Story: with room for two connections in a shard a third is closed at once; when one leaves, the next is let in.
# Statements: none; the deployment's limit.
# Defect: classes 19 and 31; refused connections that leave a socket behind (CVE-2025-56352).
shards 1
options connections_max=2
one connects
one < CONNACK
two connects
two < CONNACK
three opens
three < closed
broker counts accept_refused=1
one resets
three connects
three < CONNACK
three < nothing
