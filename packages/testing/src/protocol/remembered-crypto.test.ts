import { createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { expect, it, vi } from 'vitest';
import { rememberCrypto } from './remembered-crypto.ts';

const signer = createNobleLedgerSigner(new Uint8Array(32).fill(9));
const digest = nobleCrypto.sha256(new Uint8Array(3));
const signature = signer.signDigest(digest);

it('computes an answer once, and a separate one for other bytes', () => {
  const verifyAddress = vi.fn(nobleCrypto.verifyAddress);
  const crypto = rememberCrypto({ ...nobleCrypto, verifyAddress });
  for (let i = 0; i < 3; i++) {
    expect(crypto.verifyAddress(digest, signature, signer.address)).toBe(true);
    expect(crypto.verifyAddress(digest, signature, new Uint8Array(20))).toBe(false);
  }
  expect(verifyAddress).toHaveBeenCalledTimes(2);
  for (let at = 0; at < 65; at += 16) {
    const bent = signature.slice();
    bent[at] = (bent[at] as number) ^ 1;
    expect(crypto.verifyAddress(digest, bent, signer.address)).toBe(false);
  }
});
