# Story: with room for two sessions in each shard a further one is refused by 0x97 (3.1.1: 0x03); a session that is there is
# resumed all the same, and one that ends makes room.
# Statements: 5.0, 3.2.2.2; 3.1.1, 3.2.2.3.
# Defect: class 27; session storms (CVE-2025-63235).
shards 1
options sessions_max=2
one connects keep
one < CONNACK
two connects keep
two < CONNACK
three connects keep
[3] three < CONNACK code=3
[5] three < CONNACK code=0x97
three < closed
one resets
one connects keep
one < CONNACK present=1
two resets
two connects
two < CONNACK
two > DISCONNECT
two < closed
three connects keep
three < CONNACK
