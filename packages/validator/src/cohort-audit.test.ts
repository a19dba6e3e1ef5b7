import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { ledger, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createTestEdges, type TestEdges } from '@ogong/testing/validator/test-edges';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { readProvider } from './store/verdict-store.ts';

/** Changes one value by less than its sketch shows. */
const nudge = (value: number, i: number): number => (i === 70 ? value + 2 ** -20 : value);
const moved = (value: number, i: number): number => value * (i % 2 === 0 ? 1.1 : 0.9);
const OTHER = { exact: false, numericClass: 'other-1/js/f64/fast/hash/kv-none' };

interface Play extends Pick<TestEdges, 'bend' | 'unsigned'> {
  /** Changes the reports of all verifiers. */
  readonly report?: Partial<ScoreReport>;
}

/** A reply of three shards, audited by verifiers of the whole model until its verdict. */
async function audit({ report = {}, ...edges }: Play) {
  const four: Four = await createFour({
    audit: { honeypotPpm: 0 },
    verifiers: (peer, job) => answerHonestly(four.own.served, report)(peer, job),
  });
  const { own, peers } = four;
  for (const name of ['v2', 'v3', 'v4', 'v5']) await own.announceVerifier(name);
  const order = own.order(0);
  await own.intake.admit(order);
  const { agreement, shards } = createTestCohort({ provider, ledger, order });
  const make = createTestEdges({ orderHash: order.fields.orderHash, ...edges });
  const { submission } = own.serve(order, { bend: { edges: make } });
  await own.intake.pushRecord({ ...submission, cohort: agreement });
  await four.certifyAll();
  await own.runSittings();
  for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
  const [entry] = own.decided as [VerdictEntry];
  const ejected = shards.map(({ providerId }) => readProvider(own.store, providerId).ejected);
  return { four, own, peer: peers[0] as Four['own'], entry, ejected, shards };
}
type Audited = Awaited<ReturnType<typeof audit>>;

/** Proposes the entry to a co-signer. */
async function cosign({ four, own, peer }: Audited, bend: (entry: VerdictEntry) => VerdictEntry = (same) => same) {
  const sent = structuredClone(await proposeUnheard(four));
  const request = await rebuild(own, sent, bend, (same) => same);
  return { request, signed: peer.cosigner.cosign(own.signer.address, request) };
}

describe('the audit of a reply that a cohort served', () => {
  it('accepts an honest cohort, and pays all of it', async () => {
    const audited = await audit({});
    const { entry, ejected, shards } = audited;
    expect(entry).toMatchObject({
      verdict: 'accept',
      evidence: 'exact',
      culprit: undefined,
      shards,
      feeAtomic: 86_000n,
    });
    expect(ejected).toEqual([false, false, false]);
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it.each([
    ['the first shard, whose rows the second one used', { 0: nudge, 1: moved }, 0],
    ['the second shard', { 1: nudge }, 1],
  ])('ejects the key of %s alone, and co-signers find the same', async (_, bend, culprit) => {
    const audited = await audit({ bend });
    const { entry, ejected, shards } = audited;
    expect(entry).toMatchObject({
      ...{ verdict: 'reject', evidence: 'exact', culprit, shards, feeAtomic: 0n, fineAtomic: 0n, ejects: true },
      // The second audit attempt has repeated what the first one found.
      verifiers: [{ outcome: 'credited' }, { outcome: 'credited' }, { outcome: 'credited' }],
    });
    expect(ejected).toEqual(shards.map((_shard, place) => place === culprit));
    for (const other of [undefined, 1 - culprit, 2])
      await expect((await cosign(audited, (one) => ({ ...one, culprit: other }))).signed).rejects.toThrow(
        'the evidence is about another shard',
      );
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('names a shard by distance in other classes, with a fine on its key alone', async () => {
    const audited = await audit({ bend: { 1: moved }, report: OTHER });
    const { entry, own, shards } = audited;
    expect(entry).toMatchObject({
      verdict: 'reject',
      evidence: 'statistical',
      culprit: 1,
      feeAtomic: 0n,
      step: 'reply',
    });
    const rejects = shards.map(({ providerId }) => readProvider(own.store, providerId).rejects);
    expect(rejects).toEqual([0, 1, 0]);
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it.each([
    ['a leader whose own layers are wrong', { report: { firstOtherChoice: 3 } }],
    ['a leader that lists no root of the shard before it', { unsigned: [0], bend: { 1: nudge } }],
  ] as [string, Play][])('ejects %s, and names no shard', async (_, play) => {
    const audited = await audit(play);
    expect(audited.entry).toMatchObject({ verdict: 'reject', evidence: 'exact', culprit: undefined, ejects: true });
    expect(audited.ejected).toEqual([false, false, true]);
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('is refused by co-signers that get no agreement with the entry', async () => {
    const { request, signed } = await cosign(await audit({ bend: { 1: nudge } }));
    await signed;
    const audited = await audit({ bend: { 1: nudge } });
    const stripped = structuredClone(request);
    (stripped.entries[0]?.record as { cohort: Uint8Array }).cohort = new Uint8Array();
    await expect(audited.peer.cosigner.cosign(audited.own.signer.address, stripped)).rejects.toThrow('other shards');
  });
});
