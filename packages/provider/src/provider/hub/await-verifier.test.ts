import type { LinkPool } from '@ogong/host/link/link-pool';
import { signEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { expect, it } from 'vitest';
import { createVerifierWait } from './await-verifier.ts';

const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const verifier = { endpoint: '127.0.0.1:9', certHash: root(1), keyHash: root(2) };

/** A verifier that is out of reach at first, and has one more model at each question. */
function createWait(patienceMs: number) {
  let asked = 0;
  const endorse = async () => {
    asked++;
    if (asked === 1) throw new Error('out of reach');
    const classes = Array.from({ length: asked }, (_, i) => ({ modelRoot: root(i), numericClass: 'x' }));
    return signEndorsement(createTestHybrid('verifier'), { providerId: root(3), validUntilMs: 1, classes });
  };
  const links = { to: () => ({ endorse }) } as unknown as LinkPool;
  return createVerifierWait({ verifier, providerId: root(3), patienceMs, intervalMs: 1 }, { links });
}

it('a wait ends when the verifier endorses the model, or with the command that is missing', async () => {
  const { signal } = new AbortController();
  await createWait(1_000)(root(3), signal);
  await expect(createWait(4)(root(9), signal)).rejects.toThrow(/start ogong-verifierd with --hub-of/);
  await expect(createWait(1_000)(root(200), AbortSignal.timeout(20))).rejects.toThrow(/abort/i);
});
