# Story: with room for two subscriptions a third filter is refused by 0x97 (3.1.1: 0x80) and the two are there; the same
# filter again is none more.
# Statements: MQTT-3.8.4-6; 5.0, 3.9.3.
# Defect: class 25; the subscription explosion.
options subscriptions_max=2
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=a,b,c qos=0
[3] bob < SUBACK id=1 codes=0,0,0x80
[5] bob < SUBACK id=1 codes=0,0,0x97
bob > SUBSCRIBE id=2 filter=a qos=1
bob < SUBACK id=2 codes=1
bob > UNSUBSCRIBE id=3 filter=b
[3] bob < UNSUBACK id=3
[5] bob < UNSUBACK id=3 codes=0
bob > SUBSCRIBE id=4 filter=c qos=0
bob < SUBACK id=4 codes=0
broker counts subscriptions=2
