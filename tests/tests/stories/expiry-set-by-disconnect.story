# Story: DISCONNECT shortens the Session Expiry Interval to zero: the session ends with its connection.
# Statements: 5.0, 3.14.2.2.2; MQTT-3.1.2-23.
# Defect: class 27; sessions that nobody will come back to fill the broker.
versions 5
bob connects keep
bob < CONNACK
bob > SUBSCRIBE id=1 filter=t qos=1
bob < SUBACK id=1 codes=1
bob > DISCONNECT expiry=0
bob < closed
broker counts sessions=0
bob connects keep
bob < CONNACK present=0
