// MQTT.js, in each version it speaks.

import assert from 'node:assert/strict'
import mqtt from 'mqtt'

const url = `mqtt://127.0.0.1:${process.argv[2]}`
const VERSIONS = { 3.1: { protocolId: 'MQIsdp', protocolVersion: 3 }, '3.1.1': { protocolVersion: 4 }, '5.0': { protocolVersion: 5 } }

// The client with a queue of its messages.
async function connect (version, options = {}) {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, connectTimeout: 10_000, ...VERSIONS[version], ...options })
  const messages = []
  const waiting = []
  client.on('message', (topic, payload, packet) => {
    const message = { topic, payload: payload.toString(), packet }
    if (waiting.length > 0) waiting.shift()(message)
    else messages.push(message)
  })
  client.message = () => messages.length > 0 ? messages.shift() : deadline(new Promise(resolve => waiting.push(resolve)))
  return client
}

function deadline (promise) {
  let timer
  const late = new Promise((_resolve, reject) => { timer = setTimeout(() => reject(new Error('nothing came')), 10_000) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const name = (text) => `js${text.replaceAll(/[^a-z0-9]/g, '')}`

const cases = []
function testCase (title, versions, run) {
  for (const version of versions) cases.push([`${title} (${version})`, (topic) => run(topic, version)])
}
const ALL = Object.keys(VERSIONS)

for (const qos of [0, 1, 2]) {
  testCase(`publish and subscribe at QoS ${qos}`, ALL, async (topic, version) => {
    const subscriber = await connect(version)
    const [granted] = await subscriber.subscribeAsync(topic, { qos })
    assert.equal(granted.qos, qos)
    const publisher = await connect(version)
    for (let number = 0; number < 50; number++) await publisher.publishAsync(topic, String(number), { qos })
    for (let number = 0; number < 50; number++) {
      const { payload, packet } = await subscriber.message()
      assert.deepEqual([payload, packet.qos, packet.retain], [String(number), qos, false])
    }
    await publisher.endAsync()
    await subscriber.endAsync()
  })
}

testCase('retained', ALL, async (topic, version) => {
  const publisher = await connect(version)
  await publisher.publishAsync(`${topic}/gone`, 'gone', { qos: 1, retain: true })
  await publisher.publishAsync(`${topic}/kept`, 'kept', { qos: 1, retain: true })
  await publisher.publishAsync(`${topic}/gone`, '', { qos: 1, retain: true })
  const subscriber = await connect(version)
  await subscriber.subscribeAsync(`${topic}/#`, { qos: 1 })
  const { topic: from, payload, packet } = await subscriber.message()
  assert.deepEqual([from, payload, packet.retain], [`${topic}/kept`, 'kept', true])
  await publisher.publishAsync(`${topic}/end`, 'end', { qos: 1 })
  assert.equal((await subscriber.message()).payload, 'end')
  await publisher.endAsync()
  await subscriber.endAsync()
})

testCase('will', ALL, async (topic, version) => {
  const witness = await connect(version)
  await witness.subscribeAsync(topic, { qos: 2 })
  const mortal = await connect(version, { will: { topic, payload: 'gone', qos: 1, retain: false } })
  mortal.stream.destroy()
  const { payload, packet } = await witness.message()
  assert.deepEqual([payload, packet.qos], ['gone', 1])
  await mortal.endAsync(true)
  await witness.endAsync()
})

testCase('persistent session', ALL, async (topic, version) => {
  const session = { clientId: name(topic), clean: false }
  if (version === '5.0') session.properties = { sessionExpiryInterval: 60 }
  const first = await connect(version, session)
  await first.subscribeAsync(topic, { qos: 2 })
  await first.endAsync()
  const publisher = await connect(version)
  for (let number = 0; number < 20; number++) await publisher.publishAsync(topic, String(number), { qos: 1 + number % 2 })
  // Messages may come with the CONNACK: listen before connecting.
  const second = mqtt.connect(url, { reconnectPeriod: 0, ...VERSIONS[version], ...session })
  const got = []
  await deadline(new Promise((resolve, reject) => {
    second.on('error', reject)
    second.on('connect', (connack) => { if (version !== '3.1') assert.equal(connack.sessionPresent, true) })
    second.on('message', (_topic, payload) => { if (got.push(payload.toString()) === 20) resolve() })
  }))
  // The library shows QoS 2 at PUBREL: the order holds for each QoS.
  for (const parity of [0, 1]) {
    const wanted = Array.from({ length: 10 }, (_, number) => String(2 * number + parity))
    assert.deepEqual(got.filter(payload => payload % 2 === parity), wanted)
  }
  await second.endAsync()
  await publisher.endAsync()
})

testCase('properties', ['5.0'], async (topic, version) => {
  const subscriber = await connect(version)
  await subscriber.subscribeAsync(topic, { qos: 1, properties: { subscriptionIdentifier: 9 } })
  const publisher = await connect(version)
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 100,
    contentType: 'text/plain',
    responseTopic: 'answer',
    correlationData: Buffer.from([0, 255]),
    userProperties: { a: ['1', '2'], b: '3' }
  }
  await publisher.publishAsync(topic, 'x', { qos: 1, properties })
  const { packet: { properties: got } } = await subscriber.message()
  assert.ok([99, 100].includes(got.messageExpiryInterval))
  assert.equal(got.subscriptionIdentifier, 9)
  assert.deepEqual([got.payloadFormatIndicator, got.contentType, got.responseTopic], [true, 'text/plain', 'answer'])
  assert.deepEqual(got.correlationData, properties.correlationData)
  assert.deepEqual({ ...got.userProperties }, properties.userProperties)
  await publisher.endAsync()
  await subscriber.endAsync()
})

testCase('topic alias both ways', ['5.0'], async (topic, version) => {
  const subscriber = await connect(version, { properties: { topicAliasMaximum: 10 } })
  await subscriber.subscribeAsync(`${topic}/#`, { qos: 1 })
  const publisher = await connect(version, { autoAssignTopicAlias: true })
  for (let number = 0; number < 20; number++) await publisher.publishAsync(`${topic}/${number % 4}`, String(number), { qos: 1 })
  // An alias from the broker is resolved by the library from the second message of a topic on.
  for (let number = 0; number < 20; number++) {
    const { topic: from, payload } = await subscriber.message()
    assert.deepEqual([from, payload], [`${topic}/${number % 4}`, String(number)])
  }
  await publisher.endAsync()
  await subscriber.endAsync()
})

for (const [index, [title, run]] of cases.entries()) {
  try {
    await run(`mqttjs/${index}`)
    console.log(`ok ${title}`)
  } catch (error) {
    console.error(error)
    console.log(`not ok ${title}: ${String(error.message).replaceAll(/\s+/g, ' ')}`)
  }
}
process.exit(0)
