# Story: a connection that began with a Session Expiry Interval of zero cannot end with another one.
# Statements: 5.0, 3.14.2.2.2.
# Defect: class 5; a property is taken where it is a protocol error.
versions 5
bob connects
bob < CONNACK
bob > DISCONNECT expiry=60
bob < closed code=0x82
broker counts sessions=0
