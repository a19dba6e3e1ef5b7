import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import {
  deriveCurveKey,
  FieldSealError,
  openField,
  sealField,
  toExchangeKey,
  toExchangeSecret,
} from '@ogong/host/crypto/field-seal';
import { importEd25519Seed } from '@ogong/host/crypto/signers';
import { createRecentSet } from '@ogong/host/time/recent-set';
import { fromHex, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { createSealedCalls } from './sealed-fields.ts';

const edwardsKey = (of: Uint8Array): Uint8Array =>
  new Uint8Array(createPublicKey(importEd25519Seed(of)).export({ format: 'der', type: 'spki' }).subarray(-32));
const NOW_S = 1_750_000_000;
const seed = new Uint8Array(32).fill(3);
const curveSecret = new Uint8Array(32).fill(5);
const edKey = edwardsKey(seed);
const keys = {
  ...{ ed25519: edKey, x25519: toExchangeKey(edKey), x25519Secret: toExchangeSecret(seed) },
  ...{ secp256k1: deriveCurveKey(curveSecret), secp256k1Secret: curveSecret },
  aci: {
    publicKey: toExchangeKey(edwardsKey(new Uint8Array(32).fill(6))),
    secret: toExchangeSecret(new Uint8Array(32).fill(6)),
  },
};

/** A client of its own code, by the formats as they are published: ECDH of Node, no code of this project. */
const x25519 = (raw: Uint8Array) =>
  createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw]),
    format: 'der',
    type: 'spki',
  });
const x25519Secret = (raw: Uint8Array) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]),
    format: 'der',
    type: 'pkcs8',
  });

function clientSeal(curve: 'x25519' | 'secp256k1', info: string, to: Uint8Array, text: string, aad?: string): string {
  let [point, shared]: [Uint8Array, Uint8Array] = [new Uint8Array(), new Uint8Array()];
  if (curve === 'secp256k1') {
    const ecdh = createECDH('secp256k1');
    point = ecdh.generateKeys();
    shared = ecdh.computeSecret(to);
  } else {
    const pair = generateKeyPairSync('x25519');
    point = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    shared = diffieHellman({ privateKey: pair.privateKey, publicKey: x25519(to) });
  }
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', new Uint8Array(hkdfSync('sha256', shared, '', info, 32)), iv);
  if (aad !== undefined) cipher.setAAD(Buffer.from(aad));
  return Buffer.concat([point, iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('hex');
}

function clientOpen(curve: 'x25519' | 'secp256k1', info: string, own: Uint8Array, field: string, aad?: string): string {
  const bytes = Buffer.from(field, 'hex');
  const size = curve === 'secp256k1' ? 65 : 32;
  const point = bytes.subarray(0, size);
  let shared: Uint8Array;
  if (curve === 'secp256k1') {
    const ecdh = createECDH('secp256k1');
    ecdh.setPrivateKey(own);
    shared = ecdh.computeSecret(point);
  } else shared = diffieHellman({ privateKey: x25519Secret(own), publicKey: x25519(point) });
  const key = new Uint8Array(hkdfSync('sha256', shared, '', info, 32));
  const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(size, size + 12));
  if (aad !== undefined) cipher.setAAD(Buffer.from(aad));
  cipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([cipher.update(bytes.subarray(size + 12, -16)), cipher.final()]).toString('utf8');
}

const MODEL = 'demo-model';
const NONCE = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const own = { secp256k1: new Uint8Array(32).fill(9), ed25519: new Uint8Array(32).fill(10) };
const clientKeys = {
  secp256k1: toHex(deriveCurveKey(own.secp256k1)),
  ed25519: toHex(edwardsKey(own.ed25519)),
  x25519: toHex(toExchangeKey(edwardsKey(own.ed25519))),
};

interface Format {
  readonly name: string;
  readonly curve: 'x25519' | 'secp256k1';
  readonly info: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly asked?: string;
  readonly answered?: string;
}
const fresh = { 'x-e2ee-version': '2', 'x-e2ee-nonce': NONCE, 'x-e2ee-timestamp': String(NOW_S) };
const ecdsa = {
  'x-signing-algo': 'ecdsa',
  'x-client-pub-key': clientKeys.secp256k1,
  'x-model-pub-key': toHex(keys.secp256k1),
};
const edwards = {
  'x-signing-algo': 'ed25519',
  'x-client-pub-key': clientKeys.ed25519,
  'x-model-pub-key': toHex(edKey),
};
const legacy = (kind: 'req' | 'resp', algo: string): string =>
  kind === 'req'
    ? `v2|req|algo=${algo}|model=${MODEL}|m=0|c=-|n=${NONCE}|ts=${NOW_S}`
    : `v2|resp|algo=${algo}|model=${MODEL}|id=chatcmpl-123|choice=0|field=content|n=${NONCE}|ts=${NOW_S}`;
// The associated data of the newer format are published byte for byte.
const NEWER_ASKED = `{"algo":"x25519-aes-256-gcm-hkdf-sha256","field":"messages.0.content","model":"demo-model","nonce":"${NONCE}","purpose":"aci.e2ee.request.v2","ts":1750000000}`;
const NEWER_ANSWERED = `{"algo":"x25519-aes-256-gcm-hkdf-sha256","field":"choices.0.message.content","id":"chatcmpl-123","model":"demo-model","nonce":"${NONCE}","purpose":"aci.e2ee.response.v2","ts":1750000000}`;
const FORMATS: readonly Format[] = [
  { name: 'E2EE v1, ecdsa', curve: 'secp256k1', info: 'ecdsa_encryption', headers: ecdsa },
  { name: 'E2EE v1, ed25519', curve: 'x25519', info: 'ed25519_encryption', headers: edwards },
  {
    ...{ name: 'E2EE v2, ecdsa', curve: 'secp256k1', info: 'ecdsa_encryption', headers: { ...ecdsa, ...fresh } },
    ...{ asked: legacy('req', 'ecdsa'), answered: legacy('resp', 'ecdsa') },
  },
  {
    ...{ name: 'E2EE v2, ed25519', curve: 'x25519', info: 'ed25519_encryption', headers: { ...edwards, ...fresh } },
    ...{ asked: legacy('req', 'ed25519'), answered: legacy('resp', 'ed25519') },
  },
  {
    ...{
      name: 'v2 of newer gateways',
      curve: 'x25519',
      info: 'aci.e2ee.v2.x25519',
      asked: NEWER_ASKED,
      answered: NEWER_ANSWERED,
    },
    headers: { ...fresh, 'x-client-pub-key': clientKeys.x25519, 'x-model-pub-key': `0x${toHex(keys.x25519)}` },
  },
  {
    ...{ name: 'the same by secp256k1', curve: 'secp256k1', info: 'aci.e2ee.v2.secp256k1' },
    ...{ asked: NEWER_ASKED.replace('x25519', 'secp256k1'), answered: NEWER_ANSWERED.replace('x25519', 'secp256k1') },
    headers: { ...fresh, 'x-client-pub-key': clientKeys.secp256k1.slice(2), 'x-model-pub-key': toHex(keys.secp256k1) },
  },
];

const read = (headers: Readonly<Record<string, string>>, nowS = NOW_S) =>
  createSealedCalls(keys, { nowMs: () => nowS * 1_000 })((name) => headers[name]);
const chat = (content: unknown, more = {}) =>
  utf8Encode(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content }], ...more }));
const answer = (fields: object) =>
  utf8Encode(
    JSON.stringify({ id: 'chatcmpl-123', model: 'other', choices: [{ index: 0, finish_reason: 'stop', ...fields }] }),
  );

describe.each(FORMATS)('$name', ({ curve, info, headers, asked, answered }) => {
  const machine = curve === 'secp256k1' ? keys.secp256k1 : keys.x25519;
  const secret = curve === 'secp256k1' ? own.secp256k1 : toExchangeSecret(own.ed25519);

  it('opens what a client of other code sealed, and seals what that client opens', () => {
    const call = read(headers);
    const opened = call?.open(chat(clientSeal(curve, info, machine, 'What is sealed?', asked))) as Uint8Array;
    expect(JSON.parse(utf8Decode(opened))).toEqual({
      model: MODEL,
      messages: [{ role: 'user', content: 'What is sealed?' }],
    });
    const sealed = call?.seal(
      answer({ message: { role: 'assistant', content: 'This.' } }),
      'application/json',
    ) as Uint8Array;
    const { choices } = JSON.parse(utf8Decode(sealed)) as { choices: { message: { content: string } }[] };
    expect(clientOpen(curve, info, secret, choices[0]?.message.content ?? '', answered)).toBe('This.');
    expect(call?.headers['x-e2ee-applied']).toBe('true');
  });

  it('refuses a field that was sealed to another key, under other data, or changed', () => {
    const other =
      curve === 'secp256k1' ? deriveCurveKey(new Uint8Array(32).fill(77)) : toExchangeKey(edwardsKey(own.ed25519));
    const good = clientSeal(curve, info, machine, 'x', asked);
    for (const field of [
      clientSeal(curve, info, other, 'x', asked),
      clientSeal(curve, 'another purpose', machine, 'x', asked),
      clientSeal(curve, info, machine, 'x', `${asked ?? ''} `),
      `${good.slice(0, -2)}${good.endsWith('00') ? '01' : '00'}`,
      good.slice(2),
      'plain text',
      '',
    ])
      expect(() => read(headers)?.open(chat(field)), field.slice(0, 12)).toThrow('e2ee_');
  });
});

describe('a sealed call', () => {
  const [v1, , v2] = FORMATS as [Format, Format, Format];
  const seal = (text: string, { curve, info, asked }: Format) => clientSeal(curve, info, keys.secp256k1, text, asked);

  it('is plain without its headers, and refused where some are missing, wrong, old, or used again', () => {
    expect(read({})).toBeUndefined();
    expect(read({ 'x-signing-algo': 'ecdsa' })).toBeUndefined();
    const without = (name: string) => Object.fromEntries(Object.entries(v2.headers).filter(([each]) => each !== name));
    for (const name of ['x-client-pub-key', 'x-model-pub-key', 'x-e2ee-nonce', 'x-e2ee-timestamp'])
      expect(() => read(without(name)), name).toThrow('e2ee_header_missing');
    for (const [change, why] of [
      [{ 'x-e2ee-version': '3' }, 'e2ee_invalid_version'],
      [{ 'x-signing-algo': 'rsa' }, 'e2ee_header_missing'],
      [{ 'x-e2ee-nonce': 'short' }, 'e2ee_invalid_nonce'],
      [{ 'x-e2ee-timestamp': 'soon' }, 'e2ee_invalid_timestamp'],
      [{ 'x-e2ee-timestamp': String(NOW_S - 301) }, 'e2ee_invalid_timestamp'],
      [{ 'x-client-pub-key': 'zz' }, 'e2ee_invalid_public_key'],
      [{ 'x-model-pub-key': clientKeys.secp256k1 }, 'e2ee_model_key_mismatch'],
    ] as const)
      expect(() => read({ ...v2.headers, ...change }), why).toThrow(why);
    const calls = createSealedCalls(keys, { nowMs: () => NOW_S * 1_000 });
    expect(calls((name) => v2.headers[name])).toBeDefined();
    expect(() => calls((name) => v2.headers[name])).toThrow('e2ee_replay_detected');
  });

  it('opens parts of a content, and needs a sealed field, a model and a chat', () => {
    const call = read(v1.headers);
    const parts = [
      { type: 'text', text: seal('one', v1) },
      { type: 'image_url', image_url: { url: 'x' } },
    ];
    expect(JSON.parse(utf8Decode(call?.open(chat(parts)) as Uint8Array)).messages[0].content).toEqual([
      { type: 'text', text: 'one' },
      { type: 'image_url', image_url: { url: 'x' } },
    ]);
    expect(() => call?.open(chat([{ type: 'image_url' }]))).toThrow('no field is sealed');
    expect(() => call?.open(utf8Encode('{"messages":[]}'))).toThrow('e2ee_invalid_payload_model');
    expect(() => call?.open(utf8Encode('{"model":"m"}'))).toThrow('e2ee_unsupported_endpoint');
  });

  it('seals every piece of a stream, and lets no text out in plain', () => {
    const call = read(v1.headers);
    call?.open(chat(seal('x', v1)));
    const chunk = (fields: object) =>
      `data: ${JSON.stringify({ id: 'chatcmpl-123', choices: [{ index: 0, ...fields }] })}`;
    const stream = [
      chunk({ delta: { role: 'assistant', content: '' } }),
      chunk({ delta: { content: 'Hel' } }),
      'event: a secret',
      chunk({ delta: { reasoning_content: 'why' } }),
      'data: [DONE]',
      '',
    ].join('\n\n');
    const sealed = utf8Decode(call?.seal(utf8Encode(stream), 'text/event-stream; charset=utf-8') as Uint8Array);
    expect(sealed).not.toMatch(/Hel|why|secret/);
    const texts = sealed
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .flatMap((line) =>
        Object.values((JSON.parse(line.slice(6)) as { choices: [{ delta: Record<string, string> }] }).choices[0].delta),
      )
      .filter((text) => text.length > 20);
    expect(texts.map((text) => clientOpen('secp256k1', v1.info, own.secp256k1, text))).toEqual(['Hel', 'why']);
    for (const fields of [
      { message: { content: 'a', tool_calls: [{ id: 'x' }] } },
      { text: 'plain' },
      { message: { content: 'a' }, logprobs: { content: [1] } },
    ])
      expect(() => call?.seal(answer(fields), 'application/json')).toThrow('cannot seal');
    expect(() => call?.seal(utf8Encode('{"id":"x","note":"a text"}'), 'application/json')).toThrow('cannot seal');
    expect(() => call?.seal(utf8Encode('<html>'), 'text/html')).toThrow('no JSON');
  });
});

it('a sealed field has its own error, and a set of names forgets and fills up', () => {
  expect(() => openField({ curve: 'x25519', info: 'i' }, keys.x25519Secret, '00')).toThrow(FieldSealError);
  expect(() => sealField({ curve: 'secp256k1', info: 'i' }, new Uint8Array(65), utf8Encode('x'))).toThrow(
    FieldSealError,
  );
  expect(() => toExchangeKey(new Uint8Array(31))).toThrow(FieldSealError);
  const field = sealField({ curve: 'x25519', info: 'i', aad: 'a' }, keys.x25519, utf8Encode('text'));
  expect(utf8Decode(openField({ curve: 'x25519', info: 'i', aad: 'a' }, keys.x25519Secret, field))).toBe('text');
  expect(fromHex(field).length).toBe(32 + 12 + 4 + 16);
  let nowMs = 0;
  const set = createRecentSet({ maxCount: 2, keptMs: 10 }, { nowMs: () => nowMs });
  expect([set.add('a'), set.add('a'), set.add('b'), set.add('c')]).toEqual(['new', 'known', 'new', 'full']);
  nowMs = 10;
  expect([set.add('c'), set.add('a')]).toEqual(['new', 'new']);
});
