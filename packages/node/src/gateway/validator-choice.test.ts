import type { LinkPool } from '@ogong/host/link/link-pool';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { expect, it } from 'vitest';
import { createValidatorChoice } from './validator-choice.ts';

const member = (n: number, endpoint: string): QuorumMember => ({
  ...{ address: new Uint8Array(20).fill(n), signingKey: new Uint8Array(20).fill(n), stake: 1n, endpoint },
  ...{ certHash: new Uint8Array(32).fill(n), vrfKey: new Uint8Array(32).fill(n) },
});

/** As a pool does: an endpoint that is none ends the call before there is a promise. */
const links = {
  to: (_service: unknown, { endpoint }: { endpoint: string }) => {
    if (endpoint === 'no endpoint') throw new Error('malformed');
    return { getBeacon: async () => ({ draining: endpoint.startsWith('draining') }) };
  },
} as unknown as LinkPool;

it('takes a validator whose endpoint on the chain is malformed for one that does not answer', async () => {
  const validators = [member(1, 'no endpoint'), member(2, 'v:2')];
  const choice = createValidatorChoice({ chain: { validators: () => validators }, links, random: () => 0 });
  await expect(choice.answers(member(1, '').address)).resolves.toBe(false);
  await expect(choice.answers(member(2, '').address)).resolves.toBe(true);
  await expect(choice.answers(member(3, '').address)).resolves.toBe(false);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'v:2' });
});

it('goes on to the next where one admits no orders any more', async () => {
  const validators = [member(1, 'draining:1'), member(2, 'v:2')];
  const choice = createValidatorChoice({ chain: { validators: () => validators }, links, random: () => 0 });
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'v:2' });
  // What it refuses is not counted against a provider.
  await expect(choice.answers(member(1, '').address)).resolves.toBe(false);
});
