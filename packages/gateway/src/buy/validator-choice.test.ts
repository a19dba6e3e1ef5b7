import type { LinkPool } from '@ogong/host/link/link-pool';
import { encodeEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { expect, it } from 'vitest';
import { createValidatorChoice } from './validator-choice.ts';

const member = (n: number, endpoint: string): QuorumMember => ({
  ...{ address: new Uint8Array(20).fill(n), signingKey: new Uint8Array(20).fill(n), stake: 1n, endpoint },
  ...{ certHash: new Uint8Array(32).fill(n), vrfKey: new Uint8Array(32).fill(n) },
});

const certificate = (epoch: bigint): Uint8Array =>
  epoch === 0n
    ? new Uint8Array()
    : encodeEpochCertificate({ kind: 'threshold', epoch, generation: 1, signature: new Uint8Array(96) });

/** As a pool does: an endpoint that is none ends the call before there is a promise. */
const links = {
  to: (_service: unknown, { endpoint }: { endpoint: string }) => {
    if (endpoint === 'no endpoint') throw new Error('malformed');
    const [, epoch = '0'] = /^epoch-(\d+)/.exec(endpoint) ?? [];
    const draining = endpoint.startsWith('draining');
    return { getBeacon: async () => ({ draining, certificate: certificate(BigInt(epoch)) }) };
  },
} as unknown as LinkPool;

it('takes a validator whose endpoint on the chain is malformed for one that does not answer', async () => {
  const validators = [member(1, 'no endpoint'), member(2, 'v:2')];
  const choice = createValidatorChoice({
    chain: { validators: () => validators },
    links,
    latestEpoch: () => 0n,
    random: () => 0,
  });
  await expect(choice.answers(member(1, '').address)).resolves.toBe(false);
  await expect(choice.answers(member(2, '').address)).resolves.toBe(true);
  await expect(choice.answers(member(3, '').address)).resolves.toBe(false);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'v:2' });
});

it('goes on to the next where one admits no orders any more', async () => {
  const validators = [member(1, 'draining:1'), member(2, 'v:2')];
  const choice = createValidatorChoice({
    chain: { validators: () => validators },
    links,
    latestEpoch: () => 0n,
    random: () => 0,
  });
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'v:2' });
  // A refusal by it is not counted against a provider.
  await expect(choice.answers(member(1, '').address)).resolves.toBe(false);
});

it('goes on to the next where one is at an epoch of long ago: it has just started, and would refuse orders', async () => {
  const validators = [member(1, 'epoch-4:1'), member(2, 'epoch-8:2')];
  let latest = 6n;
  const latestEpoch = () => latest;
  const choice = createValidatorChoice({
    chain: { validators: () => validators },
    links,
    latestEpoch,
    random: () => 0,
  });
  // It may be two epochs behind: orders of these are taken.
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'epoch-4:1' });
  latest = 7n;
  choice.doubt();
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'epoch-8:2' });
  await expect(choice.answers(member(1, '').address)).resolves.toBe(false);
  // This gateway may be behind itself.
  latest = 1n;
  await expect(choice.answers(member(2, '').address)).resolves.toBe(true);
});

it('goes on to the next where three orders in a row were not admitted, and no further within a minute', async () => {
  const validators = [member(1, 'first:1'), member(2, 'second:2'), member(3, 'third:3')];
  let nowMs = 0;
  const choice = createValidatorChoice({
    ...{ chain: { validators: () => validators }, links, latestEpoch: () => 0n, random: () => 0 },
    uptime: { nowMs: () => nowMs },
  });
  const addressOf = (n: number): Uint8Array => member(n, '').address;
  const refuse = async (n: number, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      choice.noteRefused(addressOf(n));
      await choice.pick();
    }
  };
  await choice.pick();
  await refuse(1, 2);
  // One that it has admitted: those before it count no more. Nor does what another validator did.
  choice.noteAdmitted(addressOf(1));
  await refuse(1, 2);
  await refuse(2, 5);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'first:1' });
  choice.noteAdmitted(addressOf(2));
  await refuse(1, 1);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'second:2' });
  // They count anew.
  nowMs = 60_000;
  await refuse(2, 2);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'second:2' });
  await refuse(2, 1);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'third:3' });
  nowMs = 119_999;
  await refuse(3, 5);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'third:3' });
  nowMs = 120_000;
  await refuse(3, 1);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'first:1' });
});

it('stays where one admits nothing and no other answers', async () => {
  const validators = [member(1, 'first:1'), member(2, 'no endpoint')];
  const chain = { validators: () => validators };
  const choice = createValidatorChoice({ chain, links, latestEpoch: () => 0n, random: () => 0 });
  await choice.pick();
  for (let i = 0; i < 3; i++) choice.noteRefused(member(1, '').address);
  await expect(choice.pick()).resolves.toMatchObject({ endpoint: 'first:1' });
});
