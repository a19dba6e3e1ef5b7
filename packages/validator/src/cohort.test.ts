import { parseSettlement } from '@ogong/protocol/settlement/batch';
import { splitCohort } from '@ogong/protocol/settlement/cohort';
import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { createTestValidator, ledger, provider } from '@ogong/testing/validator/test-bench';
import { type CohortInput, createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { beforeAll, describe, expect, it } from 'vitest';

type BendTerms = (terms: CohortTerms) => CohortTerms;
const relayer =
  (layers: readonly number[], first = [0, 3, 7]): BendTerms =>
  (terms) => ({
    ...terms,
    shards: terms.shards.map((one, i) => ({ ...one, firstLayer: first[i] as number, layers: layers[i] as number })),
  });
const stranger = createTestHybrid('stranger');

describe('the statement of a cohort', () => {
  const bad: readonly (readonly [name: string, problem: string, bend: Omit<CohortInput, 'provider' | 'ledger'>])[] = [
    ['whose parts come to more than the fee', 'expected layer', { terms: relayer([4, 4, 1]) }],
    ['whose parts come to less', 'expected layer', { terms: relayer([2, 4, 1]) }],
    ['of a shard without a layer', 'expected layer', { terms: relayer([3, 4, 0]) }],
    [
      'that another key signed in the place of a shard',
      'another key',
      { signers: [stranger, createTestHybrid('third shard')] },
    ],
    [
      'that nobody pays a shard by',
      'no payee',
      {
        terms: (t) => ({
          ...t,
          shards: t.shards.map((one, i) => (i === 2 ? { ...one, payee: new Uint8Array(20) } : one)),
        }),
      },
    ],
    [
      'with a key twice',
      'two shards',
      {
        terms: (t) => ({
          ...t,
          shards: t.shards.map((one, i) =>
            i === 2 ? { ...one, providerId: t.shards[1]?.providerId as Uint8Array } : one,
          ),
        }),
      },
    ],
    ['of another chain', 'another ledger', { terms: (t) => ({ ...t, chainId: 1n }) }],
    ['about another model', 'another model', { terms: (t) => ({ ...t, modelRoot: new Uint8Array(32) }) }],
    ['that is over before the order is', 'shorter time', { terms: (t) => ({ ...t, validUntilMs: 1 }) }],
    ['that pays another payee of the leader', 'leads the cohort', { payee: { address: new Uint8Array(20).fill(1) } }],
    ['that another one leads', 'leads the cohort', { terms: (t) => ({ ...t, shards: [...t.shards].reverse() }) }],
  ];

  it.each(bad)('%s has its record refused, and nothing is owed', async (_, problem, bend) => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const { word } = createTestCohort({ provider, ledger, ...bend });
    await expect(validator.intake.pushRecord({ ...submission, cohort: word })).rejects.toThrow(
      new RegExp(`cohort: .*${problem}`),
    );
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'admitted', feeAtomic: undefined });
    await validator.intake.pushRecord({ ...submission, cohort: createTestCohort({ provider, ledger }).word });
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'recorded', feeAtomic: 86_000n });
  });

  it('is read whatever its bytes are', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const { word } = createTestCohort({ provider, ledger });
    const cut = [
      word.subarray(0, 40),
      word.subarray(1),
      new Uint8Array([...word, 0]),
      word.map((b, i) => (i > 300 ? b ^ 1 : b)),
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
  const { word, shards } = createTestCohort({ provider, ledger });
  await own.intake.pushRecord({ ...submission, cohort: word });
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
    ['gives a shard a layer more', (shards) => shards.map((one, i) => (i === 2 ? { ...one, layers: 2 } : one))],
    [
      'pays another one for a shard',
      (shards) => shards.map((one, i) => (i === 1 ? { ...one, payee: new Uint8Array(20).fill(9) } : one)),
    ],
    [
      'names another key',
      (shards) => shards.map((one, i) => (i === 1 ? { ...one, providerId: new Uint8Array(32).fill(9) } : one)),
    ],
  ] as readonly (readonly [string, (shards: CohortTerms['shards']) => CohortTerms['shards']])[])(
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

  it('refuse shards for which no statement came with the entry', async () => {
    const { own, peers, request } = proposal;
    const stripped = structuredClone(request);
    (stripped.entries[0]?.record as { cohort: Uint8Array }).cohort = new Uint8Array();
    await expect(peers[0]?.cosigner.cosign(own.signer.address, stripped)).rejects.toThrow('other shards');
  });

  it('sign it as it is: each shard has its layers of the fee, and together they have all of it', async () => {
    const { own, peers, request, shards } = proposal;
    const { signature } = await (peers[1] as (typeof peers)[number]).cosigner.cosign(own.signer.address, request);
    expect(signature).toHaveLength(65);
    const { lines, debits } = parseSettlement(request.batch);
    const parts = splitCohort(86_000n, shards);
    expect(parts).toEqual([32_250n, 43_000n, 10_750n]);
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
