# Story: a retained will is found by whoever subscribes afterwards.
# Statements: MQTT-3.1.2-15 (3.1.1: MQTT-3.1.2-17).
# Defect: class 41; wills that are published without being retained, or retained without being checked.
dev connects will=status will-payload=offline will-qos=1 will-retain
dev < CONNACK
dev > PUBLISH topic=status payload=online qos=1 id=1 retain
dev < PUBACK id=1 code=0|16
dev resets
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=status qos=1
bob < SUBACK id=1 codes=1
bob < PUBLISH topic=status payload=offline qos=1 id=$one retain
bob > PUBACK id=$one
bob < nothing
