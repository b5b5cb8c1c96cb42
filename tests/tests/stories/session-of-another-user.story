# Story: another user, rightly known, asks for a session that is not his. He is refused, whether its owner is connected or
# not; the owner loses nothing.
# Statements: 5.0, 4.8 and 5.4.2; the deployment authenticates.
# Defect: class 43 (mosquitto#3551, CVE-2026-6564).
options auth=1
bob connects as=dev keep user=bob password=secret
bob < CONNACK
eve connects as=dev keep user=eve password=secret
[3] eve < CONNACK code=5
[5] eve < CONNACK code=0x87
eve < closed
bob < nothing
bob resets
eve connects as=dev user=eve password=secret
[3] eve < CONNACK code=5
[5] eve < CONNACK code=0x87
eve < closed
bob connects as=dev keep user=bob password=secret
bob < CONNACK present=1
