import { createTestSeal, createTestSealTools, EXCHANGE } from '@ogong/testing/protocol/exchange-fixture';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/sealing.json' with { type: 'json' };
import { concatBytes, fromHex, toHex, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { createNobleHybridSigner, nobleCrypto } from '../crypto/noble.ts';
import { CAPSULE_BYTES } from '../crypto/seal-primitives.ts';
import { createExporter } from './key-schedule.ts';
import { pad, padRequest, padToBucket, padUnit, unpad } from './padding.ts';
import { SEAL_SUITE, SEAL_SUITES, type SealedExchange, type SealSuite, UNIT_SEAL_SUITE } from './seal-context.ts';
import { SealError, type SealErrorCode } from './seal-error.ts';
import { encodeSealKey, hashSealKey, type SealKey, signSealKey, verifySealKey } from './seal-key.ts';
import { readSealedMessage } from './sealed-message.ts';
import { openPart } from './sealed-part.ts';
import { openRefusal } from './sealed-refusal.ts';
import { createReplyOpener, createReplySealer, openDisclosedReply } from './sealed-reply.ts';
import { openRequest, sealRequest } from './sealed-request.ts';

const tools = createTestSealTools();
const { seal } = tools;
const provider = seal.openKemKey(seal.random(32));
const client = seal.openKemKey(seal.random(32));
const hash = new Uint8Array(32).fill(8);
const MARKER = 'a prompt that nobody else reads';
const inner = {
  endpoint: 'chat',
  cacheScope: new Uint8Array([1]),
  replyKey: client.publicKey,
  body: utf8Encode(MARKER),
};
const sent = sealRequest(tools, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner });
const open = (envelope: Uint8Array, exchange: SealedExchange = EXCHANGE, key = provider) =>
  openRequest(tools, { exchange, envelope, findKey: (named) => (toHex(named) === toHex(hash) ? key : undefined) });
const codeOf = (act: () => unknown): SealErrorCode | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof SealError) return error.code;
    throw error;
  }
};
const flip = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = bytes.slice();
  changed[at] = (changed[at] as number) ^ 1;
  return changed;
};
const holds = (bytes: Uint8Array, text: string): boolean => Buffer.from(bytes).includes(text);

describe('a part for the validator', () => {
  const { part } = vectors;
  const key = seal.openKemKey(fromHex(part.secret));
  const milestone = { ...EXCHANGE, validator: fromHex(part.validator), recordHash: fromHex(part.recordHash) };
  const openIt = (bent: Partial<typeof milestone> = {}, envelope = fromHex(part.envelope)) =>
    openPart(tools, {
      milestone: { ...milestone, ...bent },
      envelope,
      findKey: (named) => (toHex(named) === toHex(nobleCrypto.sha256(fromHex(part.sealKey))) ? key : undefined),
    });

  it('opens as in the vector, and only for its milestone', () => {
    const opened = openIt();
    expect(opened.endpoint).toBe(part.endpoint);
    expect([opened.body, opened.response, opened.opening].map(toHex)).toEqual([part.body, part.response, part.opening]);
    const other = new Uint8Array(32).fill(9);
    for (const bent of [{ recordHash: other }, { requestHash: other }, { replyId: other.subarray(0, 16) }]) {
      expect(codeOf(() => openIt(bent))).toBe('not-opened');
    }
    expect(codeOf(() => openIt({ validator: other.subarray(0, 20) }))).toBe('not-opened');
    const envelope = fromHex(part.envelope);
    expect(codeOf(() => openIt({}, flip(envelope, envelope.length - 1)))).toBe('not-opened');
    expect(codeOf(() => openIt({}, flip(envelope, 30)))).toBe('unknown-key');
    expect(codeOf(() => openIt({}, envelope.slice(0, -1)))).toBe('malformed');
  });
});

it('the words of a refusal open as in the vector', () => {
  const { exchange, sealKey, request, refusal } = vectors;
  const replyKey = seal.openKemKey(fromHex(request.replySecret));
  const opened = openRequest(tools, {
    exchange: {
      ledger: { chainId: BigInt(exchange.chainId), verifyingContract: fromHex(exchange.escrow) },
      ...{ providerId: fromHex(exchange.providerId), replyId: fromHex(exchange.replyId) },
      requestHash: fromHex(exchange.requestHash),
    },
    envelope: fromHex(request.envelope),
    findKey: () => seal.openKemKey(fromHex(sealKey.secret)),
  });
  const opener = createReplyOpener(tools, { secret: opened.reply, replyKey, head: fromHex(refusal.head) });
  const words = openRefusal(fromHex(refusal.unit), (unit) => readSealedMessage(opener.open(unit) as Uint8Array));
  expect(words).toBe(refusal.words);
});

describe('the key schedule', () => {
  it.each(vectors.hpke)('exports the values of RFC 9180 for $shared', ({ kemId, shared, info, exports, ...psk }) => {
    const { psk: key, pskId: id } = psk;
    const preShared = key !== undefined && id !== undefined ? { psk: { key: fromHex(key), id: fromHex(id) } } : {};
    const exporter = createExporter(seal, { kemId, shared: fromHex(shared), info: fromHex(info), ...preShared });
    for (const [context, value] of Object.entries(exports))
      expect(toHex(exporter.export(fromHex(context)))).toBe(value);
  });

  it('exports other values for another KEM, info or pre-shared key', () => {
    const base = { shared: hash, info: hash };
    const one = toHex(createExporter(seal, base).export(hash));
    expect(toHex(createExporter(seal, { ...base, kemId: 0x20 }).export(hash))).not.toBe(one);
    expect(toHex(createExporter(seal, { ...base, info: new Uint8Array() }).export(hash))).not.toBe(one);
    expect(toHex(createExporter(seal, { ...base, psk: { key: hash, id: hash } }).export(hash))).not.toBe(one);
  });
});

describe('padding', () => {
  it.each(vectors.padding)('pads $length bytes as in the vectors', ({ length, request, unit }) => {
    expect([padRequest(length), padUnit(length)]).toEqual([request, unit]);
  });

  it('adds at most an eighth to long content, and never shrinks', () => {
    for (let length = 1; length < 300_000; length = Math.ceil(length * 1.013)) {
      const padded = padToBucket(length);
      expect(padded).toBeGreaterThanOrEqual(length);
      expect(padded).toBeLessThanOrEqual(length * 1.12 + 1);
    }
  });

  it('returns the content, and accepts no other padding', () => {
    const padded = pad(utf8Encode('abc'), padUnit);
    expect(utf8Decode(unpad(padded, padUnit))).toBe('abc');
    expect(codeOf(() => unpad(concatBytes(padded, new Uint8Array(64)), padUnit))).toBe('malformed');
    expect(codeOf(() => unpad(flip(padded, padded.length - 1), padUnit))).toBe('malformed');
    expect(codeOf(() => unpad(flip(padded, 0), padUnit))).toBe('malformed');
    expect(codeOf(() => unpad(new Uint8Array(3), padUnit))).toBe('malformed');
  });
});

describe('a sealed request', () => {
  it('opens for its provider, and reveals nothing before', () => {
    expect(open(sent.envelope).inner).toEqual(inner);
    expect(holds(sent.envelope, MARKER)).toBe(false);
    expect(open(sent.envelope).reply).toEqual(sent.reply);
  });

  it('opens as in the vectors', () => {
    const { request, sealKey, reply } = vectors;
    const exchange = { ...EXCHANGE, requestHash: fromHex(vectors.exchange.requestHash) };
    const opened = openRequest(tools, {
      ...{ exchange, envelope: fromHex(request.envelope) },
      findKey: (named) => (toHex(named) === sealKey.hash ? seal.openKemKey(fromHex(sealKey.secret)) : undefined),
    });
    expect(toHex(opened.inner.body)).toBe(request.body);
    expect(toHex(opened.reply.psk.key)).toBe(request.replyPsk);
    const replyKey = seal.openKemKey(fromHex(request.replySecret));
    const opener = createReplyOpener(tools, { secret: opened.reply, replyKey, head: fromHex(reply.head) });
    const messages = reply.units.map((units) => units.map((unit) => opener.open(fromHex(unit))).at(-1));
    expect(messages.map((message) => toHex(message as Uint8Array))).toEqual(reply.messages);
    opener.end();
  });

  it('has a length that reveals only a bucket', () => {
    const sizes = [1, 20, 300].map((length) => {
      const longer = { ...inner, body: new Uint8Array(length) };
      return sealRequest(tools, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner: longer }).envelope
        .length;
    });
    expect(new Set(sizes).size).toBe(1);
  });

  it.each([
    ['chain', { ledger: { ...EXCHANGE.ledger, chainId: 1n } }],
    ['contracts', { ledger: { ...EXCHANGE.ledger, verifyingContract: new Uint8Array(20) } }],
    ['provider', { providerId: hash }],
    ['reply', { replyId: new Uint8Array(16) }],
    ['request', { requestHash: hash }],
  ] as [string, Partial<SealedExchange>][])('opens for no other %s', (_what, other) => {
    expect(codeOf(() => open(sent.envelope, { ...EXCHANGE, ...other }))).toBe('not-opened');
  });

  it('opens with no other key', () => {
    expect(codeOf(() => open(sent.envelope, EXCHANGE, client))).toBe('not-opened');
    expect(
      codeOf(() => openRequest(tools, { exchange: EXCHANGE, envelope: sent.envelope, findKey: () => undefined })),
    ).toBe('unknown-key');
  });

  it('does not open if any byte is changed, cut off or added', () => {
    const { envelope } = sent;
    const places = [0, 23, 24, 25, 57, 1_000, 1_176, 1_178, 1_209, 1_212, 2_000, envelope.length - 1];
    for (const at of places)
      expect(
        codeOf(() => open(flip(envelope, at))),
        `byte ${at}`,
      ).toBeDefined();
    expect(codeOf(() => open(envelope.subarray(0, -1)))).toBe('malformed');
    expect(codeOf(() => open(concatBytes(envelope, new Uint8Array(1))))).toBe('malformed');
    expect(codeOf(() => open(new Uint8Array()))).toBe('malformed');
    expect(codeOf(() => open(new Uint8Array(3_000_000)))).toBe('too-large');
  });

  it('commits to its key before anything is decrypted', () => {
    // Another envelope to the same key, with this commitment. Without the check, ciphertext and tag alone would have to detect
    // it.
    const other = sealRequest(tools, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner });
    const at = sent.envelope.length - 4 - 32 - (sent.envelope.length - 1_213);
    const swapped = sent.envelope.slice();
    swapped.set(other.envelope.subarray(at, at + 32), at);
    expect(codeOf(() => open(swapped))).toBe('not-opened');
  });

  it('is sealed to no malformed key', () => {
    const to = { hash, key: new Uint8Array(1_216).fill(255) };
    expect(codeOf(() => sealRequest(tools, { exchange: EXCHANGE, to, inner }))).toBe('malformed');
  });
});

describe.each(SEAL_SUITES)('a sealed reply of suite %i', (suite) => {
  const sent = sealRequest(tools, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner, suite });
  const { reply: secret } = open(sent.envelope);
  const capsuleBytes = suite === UNIT_SEAL_SUITE ? CAPSULE_BYTES + 32 : 0;
  const start = () => {
    const sealer = createReplySealer(tools, { secret, replyKey: client.publicKey });
    const openReply = (over: Partial<Parameters<typeof createReplyOpener>[1]> = {}) =>
      createReplyOpener(tools, { secret: sent.reply, replyKey: client, head: sealer.head, ...over });
    return { sealer, openReply };
  };
  const sealAll = (texts: readonly string[]) => {
    const { sealer, openReply } = start();
    const units = texts.flatMap((text, i) => sealer.seal(utf8Encode(text), { isLast: i === texts.length - 1 }));
    return { units, openReply, sealer };
  };

  it('arrives as it was sent, in units that reveal nothing', () => {
    const { units, openReply, sealer } = sealAll([MARKER, 'b', '']);
    const opener = openReply();
    expect(units.map((unit) => utf8Decode(opener.open(unit) as Uint8Array))).toEqual([MARKER, 'b', '']);
    opener.end();
    for (const bytes of [sealer.head, ...units]) expect(holds(bytes, MARKER)).toBe(false);
    expect(new Set(units.map(({ length }) => length))).toEqual(new Set([7 + capsuleBytes + 64 + 16]));
  });

  it('carries a message that is longer than a unit', () => {
    const { sealer, openReply } = start();
    const long = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
    const units = sealer.seal(long, { isLast: true });
    const opener = openReply();
    const opened = units.map((unit) => opener.open(unit));
    expect(units.length).toBe(4);
    expect(opened.slice(0, -1)).toEqual([undefined, undefined, undefined]);
    expect(opened.at(-1)).toEqual(long);
    opener.end();
  });

  it('fails for a unit that is repeated, left out, or not in its turn', () => {
    const { units, openReply } = sealAll(['a', 'b', 'c']);
    const [a, b, c] = units as [Uint8Array, Uint8Array, Uint8Array];
    for (const order of [[a, a], [b], [a, c], [a, b, c, c], [a, b, c, a]]) {
      const opener = openReply();
      expect(codeOf(() => order.map((unit) => opener.open(unit)))).toBe('out-of-order');
    }
    // It does not open under the number of another unit.
    const renumbered = concatBytes(a.subarray(0, 4), b.subarray(4));
    expect(codeOf(() => openReply().open(renumbered))).toBe('not-opened');
  });

  it('fails if it ends too early, or another party ends it', () => {
    const { units, openReply } = sealAll(['a', 'b', 'c']);
    const opener = openReply();
    opener.open(units[0] as Uint8Array);
    expect(codeOf(() => opener.end())).toBe('truncated');
    expect(codeOf(() => opener.open(flip(units[1] as Uint8Array, 4)))).toBe('not-opened');
  });

  it.each([0, 4, 5, 7, 30, 80, 86, 600, 1_124, 1_125, 1_156, 1_157, 1_160, 1_238])(
    'fails if byte %i of a unit is changed',
    (at) => {
      const { units, openReply } = sealAll(['a', 'b']);
      const [unit] = units as [Uint8Array];
      expect(codeOf(() => openReply().open(flip(unit, at % unit.length)))).toBeDefined();
    },
  );

  it('opens under no other suite, even if its number is changed', () => {
    const other = SEAL_SUITES.find((one) => one !== suite) as SealSuite;
    const at = utf8Encode('ogong-sealed-request-v1\n').length;
    const swapped = sent.envelope.slice();
    expect(swapped[at]).toBe(suite);
    swapped[at] = other;
    expect(codeOf(() => open(swapped))).toBe('not-opened');
    // The provider answers under another suite than the requested one.
    const { openReply, sealer } = sealAll(['a']);
    const head = sealer.head.slice();
    head[utf8Encode('ogong-sealed-reply-v1\n').length] = other;
    expect(codeOf(() => openReply({ head }))).toBe('malformed');
    const context = { ...secret.context, suite: other };
    const answered = createReplySealer(tools, { secret: { ...secret, context }, replyKey: client.publicKey });
    expect(codeOf(() => openReply({ head: answered.head }))).toBe('malformed');
  });

  it.each([0, 22, 23, 1_000, 1_143, 1_170])('fails if byte %i of the head is changed', (at) => {
    const { openReply, sealer } = sealAll(['a']);
    expect(codeOf(() => openReply({ head: flip(sealer.head, at) }))).toBeDefined();
  });

  it('can only be written by a party that has opened the request', () => {
    // Any party that sees the reply key can encapsulate to it.
    const forged = createReplySealer(tools, {
      secret: { ...secret, psk: { ...secret.psk, key: new Uint8Array(32) } },
      replyKey: client.publicKey,
    });
    expect(codeOf(() => createReplyOpener(tools, { secret: sent.reply, replyKey: client, head: forged.head }))).toBe(
      'not-opened',
    );
  });

  it('answers no other request, even with the same key', () => {
    const other = sealRequest(tools, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner, suite });
    const { openReply } = sealAll(['a']);
    expect(codeOf(() => openReply({ secret: other.reply }))).toBe('not-opened');
    expect(codeOf(() => openReply({ replyKey: provider }))).toBe('not-opened');
  });

  it('has a bound, and no unit after its last', () => {
    const { units, openReply, sealer } = sealAll(['a long text', 'b']);
    expect(codeOf(() => openReply({ maxBytes: 4 }).open(units[0] as Uint8Array))).toBe('too-large');
    expect(codeOf(() => sealer.seal(utf8Encode('c')))).toBe('out-of-order');
  });
});

describe('a seal key', () => {
  const signer = createNobleHybridSigner(new Uint8Array(64).fill(3));
  const providerId = hashHybridKey(nobleCrypto, signer.publicKey);
  const key: SealKey = {
    ...{ suite: SEAL_SUITE, chainId: EXCHANGE.ledger.chainId, escrow: EXCHANGE.ledger.verifyingContract },
    ...{ providerId, sequence: 5n, issuedAtMs: 1_000_000, expiresAtMs: 4_600_000, key: provider.publicKey },
  };
  const signed = signSealKey(signer, key);
  const given = { ledger: EXCHANGE.ledger, providerId, nowMs: 2_000_000 };
  const check = (over: Partial<typeof given> = {}, statement = signed) =>
    codeOf(() => verifySealKey(nobleCrypto, statement, { ...given, ...over }));

  it('is valid if its provider signed it for these contracts and for now', () => {
    expect(verifySealKey(nobleCrypto, signed, given)).toEqual({
      ...key,
      hash: hashSealKey(nobleCrypto, signed.sealKey),
    });
    expect(vectors.sealKey.hash).toBe(toHex(hashSealKey(nobleCrypto, fromHex(vectors.sealKey.bytes))));
  });

  it('is invalid otherwise', () => {
    expect(check({ ledger: { ...EXCHANGE.ledger, chainId: 1n } })).toBe('malformed');
    expect(check({ providerId: hash })).toBe('malformed');
    expect(check({ nowMs: 4_600_000 })).toBe('malformed');
    expect(check({ nowMs: 900_000 })).toBe('malformed');
    expect(check({}, { ...signed, signature: flip(signed.signature, 9) })).toBe('malformed');
    expect(check({}, { ...signed, sealKey: flip(signed.sealKey, 300) })).toBe('malformed');
    const other = createNobleHybridSigner(new Uint8Array(64).fill(4));
    expect(check({}, signSealKey(other, key))).toBe('malformed');
    expect(check({}, { ...signed, sealKey: new Uint8Array(10) })).toBe('malformed');
  });

  it('lives for at most an hour, under a known suite', () => {
    expect(() => encodeSealKey({ ...key, expiresAtMs: key.issuedAtMs + 3_600_001 })).toThrow('lifetime');
    expect(() => encodeSealKey({ ...key, expiresAtMs: key.issuedAtMs })).toThrow('lifetime');
    expect(() => encodeSealKey({ ...key, suite: 2 })).toThrow('suite');
  });
});

it('a unit of suite 2 opens only by its own encapsulation, and by no secret of another unit', () => {
  const suite = UNIT_SEAL_SUITE;
  const { reply: secret } = sealRequest(tools, {
    exchange: EXCHANGE,
    to: { hash, key: provider.publicKey },
    inner,
    suite,
  });
  const sealer = createReplySealer(tools, { secret, replyKey: client.publicKey });
  const [first, second] = ['a', 'b'].flatMap((text) => sealer.seal(utf8Encode(text))) as [Uint8Array, Uint8Array];
  const capsuleOf = (unit: Uint8Array): Uint8Array => unit.subarray(5, 5 + CAPSULE_BYTES);
  expect(toHex(capsuleOf(first))).not.toBe(toHex(capsuleOf(second)));
  // Its capsule and commitment in place of those of another unit.
  const moved = second.slice();
  moved.set(first.subarray(5, 5 + CAPSULE_BYTES + 32), 5);
  const opener = createReplyOpener(tools, { secret, replyKey: client, head: sealer.head });
  opener.open(first);
  expect(codeOf(() => opener.open(moved))).toBe('not-opened');
  expect(codeOf(() => openDisclosedReply(tools, { exporterSecret: opener.exporterSecret, head: sealer.head }))).toBe(
    'malformed',
  );
});

it('seals to the same bytes with the same secrets, and to others otherwise', () => {
  const once = () => {
    const again = { crypto: nobleCrypto, seal: createTestSeal(7) };
    return sealRequest(again, { exchange: EXCHANGE, to: { hash, key: provider.publicKey }, inner }).envelope;
  };
  expect(once()).toEqual(once());
  expect(once()).not.toEqual(sent.envelope);
});
