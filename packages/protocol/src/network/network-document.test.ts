import { createSyntheticNetwork } from '@ogong/testing/synthetic/synthetic-network';
import { describe, expect, it } from 'vitest';
import vector from '../../vectors/network.json' with { type: 'json' };
import { fromHex, ProtocolError } from '../base/bytes.ts';
import { createNobleHybridSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { CLOCK_TOLERANCE_MS } from '../exchange/limits.ts';
import {
  encodeNetwork,
  MAX_NETWORK_LIFETIME_MS,
  type NetworkDocument,
  parseNetwork,
  type SignedNetwork,
  signNetwork,
  verifyNetwork,
} from './network-document.ts';

const document = createSyntheticNetwork();
const signed: SignedNetwork = signNetwork(createNobleHybridSigner(new Uint8Array(64).fill(0x51)), document);
const fingerprint = fromHex(vector.fingerprint);
const { issuedAtMs, expiresAtMs, models } = document;
const nowMs = issuedAtMs + 1;

describe('the document of a network', () => {
  it('has the bytes of its vector', () => {
    expect(encodeNetwork(document)).toEqual(fromHex(vector.document));
    expect(signed).toMatchObject({ document: fromHex(vector.document), key: fromHex(vector.key) });
    expect(parseNetwork(signed.document)).toEqual(document);
    expect(verifyNetwork(crypto, signed, { nowMs })).toEqual({ document, fingerprint });
  });

  it('says whose it is', () => {
    const other = signNetwork(createNobleHybridSigner(new Uint8Array(64).fill(9)), document);
    const found = verifyNetwork(crypto, other, { nowMs });
    expect(found.fingerprint).not.toEqual(fingerprint);
  });

  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 60 ? byte ^ 1 : byte));
  it.each<[string, RegExp, Partial<SignedNetwork>, Parameters<typeof verifyNetwork>[2]]>([
    [
      'with another key',
      /its signature/,
      { key: createNobleHybridSigner(new Uint8Array(64).fill(9)).publicKey },
      { nowMs },
    ],
    ['with another byte', /its signature/, { document: flip(signed.document) }, { nowMs }],
    ['with another signature', /its signature/, { signature: flip(signed.signature) }, { nowMs }],
    ['of the future', /of the future/, {}, { nowMs: issuedAtMs - CLOCK_TOLERANCE_MS - 1 }],
    ['that has expired', /has expired/, {}, { nowMs: expiresAtMs }],
    ['that is too large', /more than 262144 bytes/, { document: new Uint8Array(262_145) }, { nowMs }],
  ])('is refused: %s', (_what, message, change, options) => {
    expect(() => verifyNetwork(crypto, { ...signed, ...change }, options)).toThrow(message);
  });

  it.each<[string, Partial<NetworkDocument>]>([
    ['a longer life', { expiresAtMs: issuedAtMs + MAX_NETWORK_LIFETIME_MS + 1 }],
    ['no life', { expiresAtMs: issuedAtMs }],
    ['no router', { routers: [] }],
    ['models in another order', { models: models.toReversed() }],
    ['a model twice', { models: models.flatMap((model) => [model, model]) }],
    ['a name that is no model', { models: models.map((model) => ({ ...model, id: 'small' })) }],
    ['more free places than places', { models: models.map((model) => ({ ...model, freeSlots: 13 })) }],
  ])('has not %s', (_what, change) => {
    expect(() => encodeNetwork({ ...document, ...change })).toThrow(ProtocolError);
  });
});
