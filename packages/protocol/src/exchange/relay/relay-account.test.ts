import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/relay-account.json' with { type: 'json' };
import { fromHex, toHex } from '../../base/bytes.ts';
import { hashHybridKey } from '../../crypto/hybrid.ts';
import { createNobleHybridSigner, nobleCrypto } from '../../crypto/noble.ts';
import {
  encodeRelayAccount,
  parseRelayAccount,
  type RelayAccount,
  signRelayAccount,
  UNCERTAIN_BYTES,
  verifyRelayAccount,
} from './relay-account.ts';

const relay = createNobleHybridSigner(new Uint8Array(64).fill(5));
const certHash = new Uint8Array(32).fill(2);
const account: RelayAccount = {
  ...{ relayId: hashHybridKey(nobleCrypto, relay.publicKey), certHash },
  ...{ toNode: 1000n, fromNode: 9000n, links: 3n, sinceMs: 10, untilMs: 20 },
};

const judge = (given: Partial<RelayAccount>, context: Partial<Parameters<typeof verifyRelayAccount>[2]> = {}) =>
  verifyRelayAccount(nobleCrypto, signRelayAccount(relay, { ...account, ...given }), { certHash, ...context });

const failed = ({ checks }: ReturnType<typeof judge>) =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('the account of a relay', () => {
  it.each(vectors.accounts.map((each) => [each.name, each] as const))(
    'has the bytes of %s',
    (_name, { bytes, ...said }) => {
      const given = {
        ...{ relayId: fromHex(said.relayId), certHash: fromHex(said.certHash) },
        ...{ toNode: BigInt(said.toNode), fromNode: BigInt(said.fromNode), links: BigInt(said.links) },
        ...{ sinceMs: said.sinceMs, untilMs: said.untilMs },
      };
      expect(toHex(encodeRelayAccount(given))).toBe(bytes);
      expect(parseRelayAccount(fromHex(bytes))).toEqual(given);
    },
  );

  it('holds', () => {
    expect(judge({}).ok).toBe(true);
    expect(judge({}, { previous: account, counted: { toNode: 1000n, fromNode: 9000n } }).ok).toBe(true);
  });

  it('is invalid if the bytes do not parse', () => {
    const signed = signRelayAccount(relay, account);
    const cut = { ...signed, account: signed.account.subarray(1) };
    expect(failed(verifyRelayAccount(nobleCrypto, cut, { certHash }))).toEqual(['relay-account-encoding']);
  });

  it('is invalid under another key', () => {
    const signed = signRelayAccount(createNobleHybridSigner(new Uint8Array(64).fill(6)), account);
    expect(failed(verifyRelayAccount(nobleCrypto, signed, { certHash }))).toEqual(['relay-account-signature']);
  });

  it('is invalid for another node', () => {
    expect(failed(judge({ certHash: new Uint8Array(32).fill(3) }))).toEqual(['relay-account-node']);
  });

  it('does not shrink', () => {
    expect(failed(judge({ fromNode: 8999n }, { previous: account }))).toEqual(['relay-account-growth']);
    // Another run of the relay begins at zero.
    expect(failed(judge({ fromNode: 0n, sinceMs: 15 }, { previous: account }))).toEqual([]);
  });

  it.each(['toNode', 'fromNode'] as const)('does not claim more %s than the node counted', (name) => {
    const counted = { toNode: 0n, fromNode: 0n, [name]: 5n };
    expect(failed(judge({ toNode: 0n, fromNode: 0n, [name]: 5n + UNCERTAIN_BYTES }, { counted }))).toEqual([]);
    expect(failed(judge({ toNode: 0n, fromNode: 0n, [name]: 6n + UNCERTAIN_BYTES }, { counted }))).toEqual([
      'relay-account-bytes',
    ]);
  });
});
