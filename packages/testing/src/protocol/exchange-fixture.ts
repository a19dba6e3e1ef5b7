import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import type { SealedExchange } from '@ogong/protocol/sealing/seal-context';
import type { SealTools } from '@ogong/protocol/sealing/sealed-request';

/** Secrets derived from a seed, the same in each run. */
export function createTestSeal(seed = 25): SealPrimitives {
  const random = createSeededRandom(seed);
  return createNobleSeal((length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)));
}

export const createTestSealTools = (seed?: number): SealTools => ({ crypto: nobleCrypto, seal: createTestSeal(seed) });

export const EXCHANGE: SealedExchange = {
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0xaa) },
  providerId: new Uint8Array(32).fill(1),
  replyId: new Uint8Array(16).fill(2),
  requestHash: new Uint8Array(32).fill(3),
};
