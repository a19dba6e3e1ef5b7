import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Peer } from '@ogong/host/link/link-pool';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { encodeSegmentReport, type SegmentReport } from '@ogong/protocol/modality/text/stage2/segment-report';
import type { SegmentJob } from '@ogong/protocol/modality/text/stage2/text-claim';
import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { TEST_OFFER } from '@ogong/testing/network/test-announcement';
import { createRefused, ledger, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { computeTestEdge, createTestEdges, makeTestRows, type TestEdges } from '@ogong/testing/validator/test-edges';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { createTestHybrid, createTestPayee, seedOf } from '@ogong/testing/validator/test-keys';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { findServed, PRICE_PER_1K, type TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { createKnownVerifiers } from './intake/known-verifiers.ts';
import { listCandidates, listVerifiersByModel, nameHeld } from './store/candidates.ts';
import { readProvider } from './store/verdict-store.ts';

const { modelId, modelRoot } = TEST_OFFER;
const MANIFEST = seedOf('manifest');
const CLASS = 'synthetic-1/js/f64/exact/hash/kv-none';
const OTHER = 'other-1/js/f64/fast/hash/kv-none';
/** First layer and number of layers of each shard. */
const TILES = [
  [0, 3],
  [3, 4],
  [7, 1],
] as const;
const nudge = (value: number, i: number): number => (i === 70 ? value + 2 ** -20 : value);
const moved = (value: number, i: number): number => value * (i % 2 === 0 ? 1.1 : 0.9);

const offerOf = (place: number, more: Partial<OfferedSegment> = {}): OfferedSegment => {
  const [firstLayer, layers] = TILES[place] as (typeof TILES)[number];
  return {
    ...{ modelId, modelRoot, manifestHash: MANIFEST, firstLayer, layers, totalLayers: 8 },
    ...{ pricePer1kAtomic: 1n, contextSize: 4096, numericClass: CLASS, capacity: 1, freeCapacity: 1, uplinkMbit: 10 },
    ...more,
  };
};

/** Announces a verifier that holds the layers of one shard. */
async function announceHolder(
  own: TestValidator,
  name: string,
  {
    place,
    payee = createTestPayee(name),
    more,
  }: { place: number; payee?: LedgerSigner; more?: Partial<OfferedSegment> },
): Promise<void> {
  const key = createTestHybrid(name);
  const verifier = { endpoint: `${name}:1`, certHash: seedOf(name), keyHash: hashHybridKey(crypto, key.publicKey) };
  const fields = { endpoint: `${name}:1`, models: [], segments: [offerOf(place, more)], verifier };
  await own.announce(key, fields, payee);
}

interface Play extends Pick<TestEdges, 'bend' | 'unsigned'> {
  /** Place of the shard that all audits are about, since it has all of the price. */
  readonly place: number;
  /** Changes the reports of the shard's verifiers. */
  readonly report?: Partial<SegmentReport>;
  readonly numericClass?: string;
  readonly terms?: (terms: CohortTerms) => CohortTerms;
  /** Verifiers of the whole model that announce themselves to co-signers alone. Default: none. */
  readonly hidden?: readonly string[];
  /** Whether the leader gives no rows. */
  readonly isWithheld?: boolean;
}

/** A verifier of one shard, which takes its input from the job. */
const answerShard =
  (served: Map<string, TestReply>, { bend = {}, report: change, numericClass = CLASS }: Play) =>
  async (peer: Peer, job: ScoreJobMessage) => {
    const { reply } = findServed(served.values(), job) as TestReply;
    const { blind, segment, edges } = readTextClaim(job);
    if (segment === undefined) throw new Error('a job about the whole model');
    expect(edges).toBeUndefined();
    const { firstLayer, layers, input } = segment satisfies SegmentJob;
    const place = TILES.findIndex(([first, count]) => first === firstLayer && count === layers);
    const [blob, ...others] = job.blobs ?? [];
    expect(others).toEqual([]);
    const given = { place: place - 1, bend: bend[place - 1] };
    if (place > 0) expect(blob).toEqual(new Uint8Array(makeTestRows(reply.header, given).buffer));
    else expect(blob).toHaveLength(4 * (reply.header.promptTokenCount + reply.header.outputTokenCount - 1));
    expect(computeBlobRoot(crypto, blind, blob as Uint8Array)).toEqual(input.root);
    if (place === TILES.length - 1) return answerHonestly(served)(peer, job);
    const { root: _root, ...edge } = computeTestEdge(reply.header, blind, { place });
    const made = { jobId: job.jobId, modelRoot, numericClass, exact: true, contextSize: 4096, elapsedMs: 1, edge };
    const name = String(peer.endpoint).replace(/:1$/, '');
    return { report: encodeSegmentReport({ ...made, ...change }), signer: createTestHybrid(name) };
  };

/** A reply of three shards that no verifier can repeat as a whole, until its verdict. */
async function audit(play: Play) {
  const { place, bend = {}, hidden = [], isWithheld = false } = play;
  const give = async (replyId: Uint8Array, root: Uint8Array): Promise<Uint8Array> => {
    const { header, opening } = (four.own.served.get(toHex(replyId)) as TestReply).reply;
    for (const [sender] of TILES.slice(0, -1).entries()) {
      const rows = makeTestRows(header, { place: sender, bend: bend[sender] });
      const bytes = new Uint8Array(rows.buffer);
      if (equalBytes(computeBlobRoot(crypto, opening.blind, bytes), root) && !isWithheld) return bytes;
    }
    throw createRefused('no such blob');
  };
  const four: Four = await createFour({
    audit: { honeypotPpm: 0 },
    stakeOf: () => (hidden.length > 0 ? 10n * ATOMIC_PER_TOKEN : 0n),
    verifiers: (peer, job) => answerShard(four.own.served, play)(peer, job),
    getOpening: async (_peer, replyId) => (four.own.served.get(toHex(replyId)) as TestReply).reply.openingBytes,
    getBlob: (_peer, replyId, ref) => give(replyId, ref.root),
  });
  const { own, peers } = four;
  // The verifier of every test, which holds other weights here.
  await own.announceVerifier('v1', 'x', createTestPayee('v1'), { modelRoot: seedOf('other weights') }, 2n);
  for (const name of ['v2', 'v3', 'v4', 'v5'])
    await announceHolder(own, name, { place, more: { numericClass: play.numericClass ?? CLASS } });
  for (const peer of peers) for (const name of hidden) await peer.announceVerifier(name);
  // Co-signers count verifiers that were announced before the order could be made.
  if (hidden.length > 0) four.clock.advance(700_000);
  const order = own.order(0);
  await own.intake.admit(order);
  const alone = (terms: CohortTerms): CohortTerms => ({
    ...terms,
    members: terms.members.map((one, i) => ({ ...one, pricePer1kAtomic: i === place ? PRICE_PER_1K : 0n })),
  });
  const terms = (given: CohortTerms): CohortTerms => play.terms?.(alone(given)) ?? alone(given);
  const { agreement, shards } = createTestCohort({ provider, ledger, order, terms });
  const make = createTestEdges({ orderHash: order.fields.orderHash, bend, unsigned: play.unsigned ?? [] });
  const { submission } = own.serve(order, { bend: { edges: make } });
  await own.intake.pushRecord({ ...submission, cohort: agreement });
  await four.certifyAll();
  if (isWithheld) await own.runWithheld();
  // An audit that has frozen its list fetches the rows when it goes on.
  else for (let i = 0; i < 8 && own.decided.length === 0; i++) await own.runSittings();
  for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
  const [entry] = own.decided as [VerdictEntry];
  const ejected = shards.map(({ providerId }) => readProvider(own.store, providerId).ejected);
  return { four, own, peer: peers[0] as TestValidator, entry, ejected, shards, order };
}
type Audited = Awaited<ReturnType<typeof audit>>;

/** Proposes the entry to a co-signer. */
async function cosign({ four, own, peer }: Audited, bend: (entry: VerdictEntry) => VerdictEntry = (same) => same) {
  const sent = structuredClone(await proposeUnheard(four));
  const request = await rebuild(own, sent, bend, (same) => same);
  return { request, signed: peer.cosigner.cosign(own.signer.address, request) };
}

describe('the audit of one shard, where nobody verifies the whole model', () => {
  it('accepts an honest shard, and pays its verifiers by their share of the layers', async () => {
    const audited = await audit({ place: 1 });
    const { entry, ejected, own, order } = audited;
    expect(entry).toMatchObject({ verdict: 'accept', evidence: 'exact', culprit: undefined, feeAtomic: 86_000n });
    const { header } = (own.served.get(toHex(order.fields.replyId)) as TestReply).reply;
    const tokens = Math.ceil(((header.promptTokenCount + header.outputTokenCount) * 4) / 8);
    expect(entry.verifiers.length).toBeGreaterThan(0);
    for (const mark of entry.verifiers) expect(mark).toMatchObject({ outcome: 'credited', tokens });
    expect(ejected).toEqual([false, false, false]);
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('ejects the key of a wrong shard after a second audit attempt about the same shard', async () => {
    const audited = await audit({ place: 1, bend: { 1: nudge } });
    const { entry, ejected } = audited;
    expect(entry).toMatchObject({
      ...{ verdict: 'reject', evidence: 'exact', culprit: 1, feeAtomic: 0n, ejects: true },
      verifiers: [{ outcome: 'credited' }, { outcome: 'credited' }, { outcome: 'credited' }],
    });
    expect(ejected).toEqual([false, true, false]);
    for (const culprit of [undefined, 0, 2])
      await expect((await cosign(audited, (one) => ({ ...one, culprit }))).signed).rejects.toThrow(
        'the evidence is about another shard',
      );
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it.each([
    ['accepts the first shard', {}, 'accept', undefined],
    ['rejects a wrong first shard', { 0: nudge }, 'reject', 0],
  ])('%s by the tokens of prompt and reply', async (_, bend, verdict, culprit) => {
    const audited = await audit({ place: 0, bend });
    expect(audited.entry).toMatchObject({ verdict, evidence: 'exact', culprit });
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('accepts an honest shard behind a wrong one, whose rows were its input', async () => {
    const { entry, ejected } = await audit({ place: 1, bend: { 0: nudge } });
    expect([entry.verdict, ejected]).toEqual(['accept', [false, false, false]]);
  });

  it('names a shard by distance where its verifiers have another class', async () => {
    const change = { exact: false, numericClass: OTHER };
    const { entry, own, shards } = await audit({ place: 1, bend: { 1: moved }, report: change, numericClass: OTHER });
    expect(entry).toMatchObject({ verdict: 'reject', evidence: 'statistical', culprit: 1, step: 'reply' });
    expect(shards.map(({ providerId }) => readProvider(own.store, providerId).rejects)).toEqual([0, 1, 0]);
  });

  it('audits the leader by its windows, from the rows before its layers', async () => {
    const audited = await audit({ place: 2 });
    expect(audited.entry).toMatchObject({ verdict: 'accept', evidence: 'exact', culprit: undefined });
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it.each([
    ['a shard has signed no root', { place: 1, unsigned: [1] }],
    ['the shard before it has signed no root', { place: 1, unsigned: [0] }],
  ])('ends in doubt without a verifier if %s', async (_, play) => {
    const audited = await audit(play);
    expect(audited.entry).toMatchObject({ verdict: 'inconclusive', evidence: 'statistical', verifiers: [] });
    expect(audited.ejected).toEqual([false, false, false]);
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('charges a leader that does not give the rows like one that withholds its opening', async () => {
    const audited = await audit({ place: 1, isWithheld: true });
    expect(audited.entry).toMatchObject({ verdict: 'reject', evidence: 'statistical', step: 'late', verifiers: [] });
    const { evidence } = (await cosign(audited)).request.entries[0] as { evidence: Uint8Array };
    expect(parseEvidence(evidence).kind).toBe('withheld');
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('stays with a shard once a verifier has reported on it', async () => {
    // Each of two shards has half of the chances. Nobody holds the layers of the first one.
    const half = (terms: CohortTerms): CohortTerms => ({
      ...terms,
      members: terms.members.map((one, i) => ({ ...one, pricePer1kAtomic: i < 2 ? PRICE_PER_1K / 2n : 0n })),
    });
    const audited = await audit({ place: 1, terms: half, bend: { 1: nudge } });
    expect(audited.entry).toMatchObject({ verdict: 'reject', evidence: 'exact', culprit: 1, ejects: true });
    await expect((await cosign(audited)).signed).resolves.toBeDefined();
  });

  it('is refused by co-signers that know verifiers of the whole model with a stake', async () => {
    const signed = async (hidden: readonly string[]) => (await cosign(await audit({ place: 1, hidden }))).signed;
    await expect(signed(['w1'])).resolves.toBeDefined();
    await expect(signed(['w1', 'w2', 'w3'])).rejects.toThrow('lacks verifiers with most of the stake');
  });
});

describe('the verifiers of one shard', () => {
  const query = { modelRoot, nowMs: 0, salt: new Uint8Array(32), stakeOf: () => 0n };
  const segment = { manifestHash: MANIFEST, firstLayer: 3, layers: 4 };
  const idOf = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);
  const list = ({ own, cohortIds = [] }: { own: TestValidator; cohortIds?: readonly Uint8Array[] }) =>
    listCandidates(own.store, crypto, {
      ...{
        ...query,
        nowMs: own.clock.nowMs(),
        segment,
        serverId: hashHybridKey(crypto, provider.publicKey),
        cohortIds,
      },
    }).map(({ providerId }) => toHex(providerId));

  it('hold exactly its layers of the same cut', async () => {
    const { own } = await createFour();
    await announceHolder(own, 'v2', { place: 1 });
    await announceHolder(own, 'v3', { place: 0 });
    await announceHolder(own, 'v4', { place: 1, more: { manifestHash: seedOf('another cut') } });
    await announceHolder(own, 'v5', { place: 1, more: { layers: 5 } });
    expect(list({ own })).toEqual([toHex(idOf('v2'))]);
    const known = listVerifiersByModel(own.store, { nowMs: own.clock.nowMs(), leastStake: 0n });
    expect(known.get(nameHeld({ modelRoot, segment }))).toHaveLength(1);
    expect(known.get(nameHeld({ modelRoot, segment: undefined }))).toHaveLength(1);
  });

  it('are no members of the cohort, and not paid with them', async () => {
    const { own } = await createFour();
    await announceHolder(own, 'member', { place: 1 });
    await announceHolder(own, 'friend', { place: 1, payee: createTestPayee('member') });
    await announceHolder(own, 'v2', { place: 1 });
    expect(list({ own })).toHaveLength(3);
    expect(list({ own, cohortIds: [idOf('member')] })).toEqual([toHex(idOf('v2'))]);
  });

  it('do not include a leader, which offers the whole model and holds its last layers', async () => {
    const { own } = await createFour();
    const leader = createTestHybrid('leader');
    const keyHash = hashHybridKey(crypto, leader.publicKey);
    const members = TILES.map(([firstLayer, layers], i) => ({
      ...{ providerId: i === 2 ? keyHash : idOf(`shard ${i}`), firstLayer, layers },
      pricePer1kAtomic: i === 2 ? TEST_OFFER.pricePer1kAtomic : 0n,
    }));
    await own.announce(
      leader,
      {
        ...{ endpoint: 'leader:1', verifier: { endpoint: 'leader:1', certHash: seedOf('leader'), keyHash } },
        models: [{ ...TEST_OFFER, cohort: { manifestHash: MANIFEST, members } }],
        segments: [offerOf(2)],
      },
      createTestPayee('leader'),
    );
    const whole = listCandidates(own.store, crypto, {
      ...{ ...query, nowMs: own.clock.nowMs(), serverId: hashHybridKey(crypto, provider.publicKey) },
    });
    expect(whole.map(({ providerId }) => providerId)).toEqual([idOf('v1')]);
    const known = listVerifiersByModel(own.store, { nowMs: own.clock.nowMs(), leastStake: 0n });
    expect(known.get(nameHeld({ modelRoot, segment: undefined }))).toHaveLength(1);
    const last = { manifestHash: MANIFEST, firstLayer: 7, layers: 1 };
    expect(known.get(nameHeld({ modelRoot, segment: last }))).toHaveLength(1);
    await announceHolder(own, 'v2', { place: 0 });
    const order = { modelRoot, providerId: keyHash, payee: createTestPayee('leader').address };
    const { whole: all, shards = [] } = createKnownVerifiers({ store: own.store, clock: own.clock }).list(order);
    expect([all.length, shards.map(({ length }) => length)]).toEqual([1, [1, 0, 0]]);
  });
});
