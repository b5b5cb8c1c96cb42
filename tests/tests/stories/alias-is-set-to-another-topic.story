# Story: a client gives one alias a second topic; the third message, which names the alias alone, goes to the second.
# Statements: 5.0, 3.3.2.3.4.
# Defect: class 41; the decision falls on another topic than the one used.
versions 5
bob connects
bob < CONNACK
bob > SUBSCRIBE id=1 filter=+ qos=0
bob < SUBACK id=1 codes=0
ann connects
ann < CONNACK
ann > PUBLISH topic=x payload=one alias=1
ann > PUBLISH topic=y payload=two alias=1
ann > PUBLISH topic= payload=three alias=1
bob < PUBLISH topic=x payload=one
bob < PUBLISH topic=y payload=two
bob < PUBLISH topic=y payload=three
bob < nothing
