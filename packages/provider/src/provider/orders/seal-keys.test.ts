import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashSealKey, verifySealKey } from '@ogong/protocol/sealing/seal-key';
import { ledger, providerSigner as signer } from '@ogong/testing/provider/provider-fixture';
import { describe, expect, it } from 'vitest';
import { createSealKeys } from './seal-keys.ts';

const MINUTE_MS = 60_000;

function open() {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms };
  const providerId = hashHybridKey(crypto, signer.publicKey);
  const keys = createSealKeys({ crypto, seal, signer, clock, ledger, providerId });
  const check = () => verifySealKey(crypto, keys.current(), { ledger, providerId, nowMs: clock.ms });
  return { clock, keys, check };
}

describe('seal keys of a provider', () => {
  it('are signed by it, and open what is sealed to them', () => {
    const { keys, check } = open();
    const key = check();
    const sealed = seal.encapsulate(key.key);
    expect(keys.find(key.hash)?.decapsulate(sealed?.capsule as Uint8Array)).toEqual(sealed?.shared);
    expect(keys.find(new Uint8Array(32))).toBeUndefined();
  });

  it('are new every half hour, with a higher sequence, and the old one opens on', () => {
    const { clock, keys, check } = open();
    const first = check();
    clock.ms += 29 * MINUTE_MS;
    expect(check()).toEqual(first);
    clock.ms += MINUTE_MS;
    const second = check();
    expect(second.key).not.toEqual(first.key);
    expect(second.sequence > first.sequence).toBe(true);
    expect(keys.find(first.hash)).toBeDefined();
  });

  it('are erased a minute after their end', () => {
    const { clock, keys } = open();
    const hash = hashSealKey(crypto, keys.current().sealKey);
    clock.ms += 61 * MINUTE_MS - 1;
    expect(keys.find(hash)).toBeDefined();
    clock.ms += 1;
    expect(keys.find(hash)).toBeUndefined();
  });
});
