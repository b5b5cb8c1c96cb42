# Story: PUBLISH before CONNECT closes the connection without a word, and nothing is delivered.
# Statements: MQTT-3.1.0-1.
# Defect: class 3.
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=# qos=0
bob < SUBACK id=1 codes=0
eve opens
eve > PUBLISH topic=t payload=evil
eve < closed
bob < nothing
broker counts connections=1
