# Story: a retained message is replaced while a SUBSCRIBE waits for its store. The newer one comes live; the older, which is
# retained no more, does not come behind it.
# Statements: MQTT-3.3.1-9, MQTT-3.8.4-4; 5.0, 3.3.1.3.
# Defect: class 57; an old retained message behind the newer live one.
options durable=1
ann connects
ann < CONNACK
ann > PUBLISH topic=t payload=old qos=1 id=1 retain
ann < PUBACK id=1 code=0|16
bob connects keep
bob < CONNACK
store holds
bob > SUBSCRIBE id=1 filter=t qos=1
ann > PUBLISH topic=t payload=new qos=1 id=2 retain
ann < nothing
store answers
ann < PUBACK id=2
bob < among SUBACK id=1 codes=1
bob < PUBLISH topic=t payload=new qos=1 id=$new
bob > PUBACK id=$new
bob < nothing
