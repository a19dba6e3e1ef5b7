import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseSettlement } from '@ogong/protocol/settlement/batch';
import { type CohortShard, splitCohort } from '@ogong/protocol/settlement/cohort';
import {
  type CohortSignature,
  type CohortTerms,
  encodeCohortAgreement,
  parseCohortAgreement,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import { computeCorrectionId, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { createTestValidator, ledger, network, payer, provider } from '@ogong/testing/validator/test-bench';
import { type CohortInput, createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { createTestOrder, type TestOrder } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { readStatus } from './reply-status.ts';
import { listEntries, readEntryMessage } from './store/batch-store.ts';
import { correctReply } from './store/replies/correction-store.ts';
import { readHandled } from './store/replies/reply-store.ts';
import { decideReply, readProvider } from './store/verdict-store.ts';

type BendTerms = (terms: CohortTerms) => CohortTerms;
type Member = CohortTerms['members'][number];
/** Changes the members at some places. */
const bendAt =
  (changes: Readonly<Record<number, Partial<Member>>>): BendTerms =>
  (terms) => ({ ...terms, members: terms.members.map((one, i) => ({ ...one, ...changes[i] })) });
const stranger = createTestHybrid('stranger');

describe('the agreement of a cohort', () => {
  const bad: readonly (readonly [name: string, problem: string, bend: Pick<CohortInput, 'terms' | 'signers'>])[] = [
    ['whose layers overlap', 'expected layer', { terms: bendAt({ 1: { layers: 5 } }) }],
    ['whose layers leave a gap', 'expected layer', { terms: bendAt({ 0: { layers: 2 } }) }],
    ['of a shard without a layer', 'a shard of 0 layers', { terms: bendAt({ 2: { layers: 0 } }) }],
    [
      'whose prices come to more than the order',
      'for an order at',
      { terms: bendAt({ 0: { pricePer1kAtomic: 333_334n } }) },
    ],
    ['whose prices come to less than the order', 'for an order at', { terms: bendAt({ 2: { pricePer1kAtomic: 0n } }) }],
    [
      'that another key signed in the place of a shard',
      'another key',
      { signers: [stranger, createTestHybrid('second shard')] },
    ],
    ['of a shard without a payee', 'no payee', { terms: bendAt({ 1: { payee: new Uint8Array(20) } }) }],
    [
      'with a key twice',
      'two shards',
      { terms: (t) => bendAt({ 1: { providerId: (t.members[0] as Member).providerId } })(t) },
    ],
    [
      'with a session key twice',
      'same session key',
      { terms: (t) => bendAt({ 1: { sessionKey: (t.members[2] as Member).sessionKey } })(t) },
    ],
    ['of another chain', 'another ledger', { terms: (t) => ({ ...t, chainId: 1n }) }],
    ['of another escrow', 'another ledger', { terms: (t) => ({ ...t, escrow: new Uint8Array(20) }) }],
    ['about another order', 'another order', { terms: (t) => ({ ...t, orderHash: new Uint8Array(32) }) }],
    [
      "of another blind than the answer's",
      'another blind',
      { terms: (t) => ({ ...t, blindHash: new Uint8Array(32) }) },
    ],
    ['about another model', 'another model', { terms: (t) => ({ ...t, modelRoot: new Uint8Array(32) }) }],
    [
      'whose leader serves in another class',
      'the leader agreed to class',
      { terms: bendAt({ 2: { numericClass: 'x' } }) },
    ],
    [
      'that pays another payee of the leader',
      'leads the cohort',
      { terms: bendAt({ 2: { payee: new Uint8Array(20).fill(1) } }) },
    ],
    ['that the first shard leads', 'leads the cohort', { terms: (t) => ({ ...t, members: [...t.members].reverse() }) }],
    ['without members', 'leads the cohort', { terms: (t) => ({ ...t, members: [] }) }],
  ];

  it('is named by the status of its reply, shard by shard', async () => {
    const validator = createTestValidator();
    const [first, second] = [validator.order(0), validator.order(1)];
    for (const order of [first, second]) await validator.intake.admit(order);
    const shardsOf = ({ fields: { replyId } }: typeof first): unknown => {
      const status = readStatus(validator.store, { crypto: nodeCrypto }, replyId);
      return JSON.parse(status?.detail ?? '{}').shards;
    };
    expect(shardsOf(first)).toBeUndefined();
    const { agreement, shards } = createTestCohort({ provider, ledger, order: first });
    await validator.intake.pushRecord({ ...validator.serve(first).submission, cohort: agreement });
    await validator.intake.pushRecord(validator.serve(second).submission);
    expect(shardsOf(first)).toEqual(shards.map(({ providerId }) => toHex(providerId)));
    expect(shardsOf(second)).toBeUndefined();
  });

  it.each(bad)('%s has its record refused, and nothing is owed', async (_, problem, bend) => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const named = { provider, ledger, order };
    const { agreement } = createTestCohort({ ...named, ...bend });
    await expect(validator.intake.pushRecord({ ...submission, cohort: agreement })).rejects.toThrow(
      new RegExp(`cohort: .*${problem}`),
    );
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'admitted', feeAtomic: undefined });
    await validator.intake.pushRecord({ ...submission, cohort: createTestCohort(named).agreement });
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'recorded', feeAtomic: 86_000n });
  });

  it.each([
    ['the tier', { model: 'ogong/replay/test/synthetic' }, 'shard 1: tier replay needs a numeric class'],
    ['the demand of an exact class', { demands: { exact: true } }, 'the request demands an exact class'],
  ])('does not count if a shard is below %s', async (_, asked, problem) => {
    const validator = createTestValidator();
    const { signer, archive, clock } = validator;
    const order = createTestOrder({
      ...{ payer, ledger, provider, index: 0, validator: signer.address, ...asked },
      ...{ epoch: archive.latest().epoch, expiresAtMs: clock.nowMs() + 120_000 },
    });
    await validator.intake.admit(order);
    const posture = 'model' in asked ? { tier: 'replay', method: 'exact-replay' } : {};
    const { submission } = validator.serve(order, { bend: { header: (header) => ({ ...header, ...posture }) } });
    const named = { provider, ledger, order };
    const weak = createTestCohort({ ...named, terms: bendAt({ 1: { numericClass: 'a/b/c/fast/d/e' } }) });
    await expect(validator.intake.pushRecord({ ...submission, cohort: weak.agreement })).rejects.toThrow(
      `cohort: ${problem}`,
    );
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'admitted', feeAtomic: undefined });
    await validator.intake.pushRecord({ ...submission, cohort: createTestCohort(named).agreement });
  });

  it('does not count with a signature left out, or by a member over other terms', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const parsed = parseCohortAgreement(createTestCohort({ provider, ledger, order }).agreement);
    const [first, second, leader] = parsed.signatures as [CohortSignature, CohortSignature, CohortSignature];
    const otherTerms = { ...parsed.terms, manifestHash: new Uint8Array(32) };
    for (const [problem, signatures] of [
      ['2 signatures for 3 shards', [first, second]],
      ['signature 0 is by another key', [second, first, leader]],
      ['shard 2 has not signed these terms', [first, second, signCohortTerms(provider, otherTerms)]],
    ] as const) {
      const cohort = encodeCohortAgreement({ terms: parsed.terms, signatures });
      await expect(validator.intake.pushRecord({ ...submission, cohort })).rejects.toThrow(problem);
    }
  });

  it('is read whatever its bytes are', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const { agreement } = createTestCohort({ provider, ledger, order });
    const cut = [
      agreement.subarray(0, 40),
      agreement.subarray(1),
      new Uint8Array([...agreement, 0]),
      agreement.map((b, i) => (i > 300 ? b ^ 1 : b)),
    ];
    for (const cohort of [...cut, new Uint8Array(300_000)]) {
      await expect(validator.intake.pushRecord({ ...submission, cohort })).rejects.toThrow('cohort: ');
    }
  });
});

/** A batch of one reply that three shards served. */
async function proposeShared() {
  const four = await createFour({ audit: { honeypotPpm: 0 } });
  const { own } = four;
  const order = own.order(0);
  await own.intake.admit(order);
  const { submission } = own.serve(order);
  const { agreement, shards } = createTestCohort({ provider, ledger, order });
  await own.intake.pushRecord({ ...submission, cohort: agreement });
  await four.certifyAll();
  await own.runAudits();
  return { own, shards, peers: four.peers, request: await proposeUnheard(four) };
}

describe('co-signers of a reply that a cohort served', () => {
  let proposal: Awaited<ReturnType<typeof proposeShared>>;
  beforeAll(async () => {
    proposal = await proposeShared();
  });

  it.each([
    ['leaves the other shards out', () => []],
    ['gives the leader a layer more', (shards) => shards.map((one, i) => (i === 2 ? { ...one, layers: 2 } : one))],
    [
      'gives a shard another price',
      (shards) => shards.map((one, i) => (i === 0 ? { ...one, pricePer1kAtomic: 1n } : one)),
    ],
    [
      'pays another one for a shard',
      (shards) => shards.map((one, i) => (i === 1 ? { ...one, payee: new Uint8Array(20).fill(9) } : one)),
    ],
    [
      'names another key',
      (shards) => shards.map((one, i) => (i === 1 ? { ...one, providerId: new Uint8Array(32).fill(9) } : one)),
    ],
  ] as readonly (readonly [string, (shards: readonly CohortShard[]) => readonly CohortShard[]])[])(
    'refuse an entry that %s',
    async (_, bend) => {
      const { own, peers, request } = proposal;
      const bent = await rebuild(
        own,
        structuredClone(request),
        (entry) => ({ ...entry, shards: bend(entry.shards) }),
        (same) => same,
      );
      await expect(peers[0]?.cosigner.cosign(own.signer.address, bent)).rejects.toThrow(
        'other shards than those who signed',
      );
    },
  );

  it('refuse shards for which no agreement came with the entry', async () => {
    const { own, peers, request } = proposal;
    const stripped = structuredClone(request);
    (stripped.entries[0]?.record as { cohort: Uint8Array }).cohort = new Uint8Array();
    await expect(peers[0]?.cosigner.cosign(own.signer.address, stripped)).rejects.toThrow('other shards');
  });

  it('sign it as it is: each shard has its price of the fee, and together they have all of it', async () => {
    const { own, peers, request, shards } = proposal;
    const { signature } = await (peers[1] as (typeof peers)[number]).cosigner.cosign(own.signer.address, request);
    expect(signature).toHaveLength(65);
    const { lines, debits } = parseSettlement(request.batch);
    const parts = splitCohort(86_000n, shards);
    expect(parts).toEqual([14_333n, 51_600n, 20_067n]);
    const paid = shards.map(
      ({ providerId, payee }) =>
        lines.find((line) => String(line.providerId) === String(providerId) && String(line.payee) === String(payee))
          ?.gross,
    );
    expect(paid).toEqual(parts);
    expect(debits.map(({ amount }) => amount)).toEqual([86_000n]);
    const entries = request.entries.map(({ logEntry }) => logEntry);
    expect(entries.map((entry) => parseVerdictEntry(entry).shards)).toEqual([shards]);
    const { batch } = parseSettlement(request.batch);
    expect(batch.replies).toBe(1);
  });
});

describe('a reject of a reply that a cohort served', () => {
  /** A record of the cohort that waits for its verdict. */
  async function recordShared() {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const { agreement, shards } = createTestCohort({ provider, ledger, order });
    await validator.intake.pushRecord({ ...submission, cohort: agreement });
    const { replyId } = order.fields;
    const context = { crypto: nodeCrypto, ...network, validator: validator.signer.address };
    const ids = shards.map((shard) => shard.providerId) as [Uint8Array, Uint8Array, Uint8Array];
    const standing = () => ids.map((id) => readProvider(validator.store, id));
    return { validator, replyId, agreement, shards, context, standing };
  }
  const judgement = { verdict: 'reject', evidence: 'exact', checks: [], verifiers: [] } as const;
  const evidence = { kind: 'withheld', statements: [] } as const;
  const [clean, out] = [
    { audits: 0, rejects: 0, ejected: false },
    { audits: 1, rejects: 1, ejected: true },
  ];

  it.each([
    [0, [out, clean, clean]],
    [2, [clean, clean, out]],
    [undefined, [clean, clean, out]],
  ])('ejects the key at place %s alone, and the payer owes nothing', async (culprit, expected) => {
    const { validator, replyId, context, shards, standing } = await recordShared();
    const decision = { judgement: { ...judgement, culprit }, evidence, beaconEpoch: 0n };
    const decide = (db: typeof validator.store) => decideReply(db, context, { replyId, decision, nowMs: 1 });
    const entry = validator.store.transact(decide);
    expect(entry).toMatchObject({ culprit, shards, feeAtomic: 0n, ejects: true });
    expect(standing()).toEqual(expected);
  });

  it('after its verdict is a correction with the place, and carries the agreement', async () => {
    const { validator, replyId, context, shards, agreement, standing } = await recordShared();
    const { store } = validator;
    const row = readHandled(store, replyId);
    if (row?.signedRecord === undefined) throw new TypeError('the record was handed in');
    const { signedRecord: signed } = row;
    store.transact((db) =>
      decideReply(db, context, { replyId, decision: { verdict: 'unaudited', beaconEpoch: 0n }, nowMs: 1 }),
    );
    const decision = { judgement: { ...judgement, culprit: 1 }, evidence, beaconEpoch: 0n };
    const correct = { row, signed, decision, agreement, nowMs: 2 };
    const entry = store.transact((db) => correctReply(db, context, correct));
    const nobody = new Uint8Array(20);
    expect(entry).toMatchObject({ culprit: 1, shards, payee: nobody, replyId: computeCorrectionId(replyId) });
    expect(standing()).toEqual([clean, out, clean]);
    const [, stored] = listEntries(store, 0n, 2);
    if (stored === undefined) throw new TypeError('the log has two entries');
    expect(readEntryMessage(store, stored).record?.cohort).toEqual(agreement);
  });
});

describe('co-signers of a correction that names a culprit', () => {
  it.each([
    ['without an agreement', 'do not open with the tag', () => undefined],
    ['with the agreement of another order', 'agreed to another order', (own: Four['own']) => own.order(5)],
    // Exact evidence of a second record is about the leader, which signed it.
    ['that the evidence does not name', 'about another shard', (_own: Four['own'], order: TestOrder) => order],
  ])('refuse one %s', async (_, reason, findOrder) => {
    const four = await createFour({ audit: { honeypotPpm: 0 } });
    const { own, peers } = four;
    const order = own.order(0);
    await own.intake.admit(order);
    const second = own.serve(order, { text: 'an advert' });
    await own.intake.pushRecord(own.serve(order).submission);
    await four.certifyAll();
    await own.runAudits();
    expect(await own.acknowledge(order, second)).toBe('contradicted');
    const request = await proposeUnheard(four);
    const agreed = findOrder(own, order);
    const { agreement, shards } = createTestCohort({ provider, ledger, order: agreed ?? order });
    const correction = request.entries[1];
    if (correction?.record === undefined) throw new TypeError('the log has a correction');
    if (agreed) correction.record.cohort = agreement;
    const name = (entry: VerdictEntry) => (entry.index === 1n ? { ...entry, shards, culprit: 0 } : entry);
    const bent = await rebuild(own, request, name, (same) => same);
    await expect(peers[0]?.cosigner.cosign(own.signer.address, bent)).rejects.toThrow(reason);
  });
});
