import { rememberCrypto } from '@ogong/testing/protocol/remembered-crypto';
import type { SyntheticCohort } from '@ogong/testing/synthetic/synthetic-cohort';
import { createSyntheticReceipt, type SyntheticReceiptOptions } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../../crypto/noble.ts';
import type { Header } from '../../modality/text/commitment/header.ts';
import { parseCohortAgreement } from '../../settlement/cohort-agreement.ts';
import { encodeReceipt, parseReceipt, type Receipt } from '../../stage1/receipt.ts';
import { checkCohort } from './cohort-checks.ts';
import { verifyReceipt } from './verify-receipt.ts';

const crypto = rememberCrypto(nobleCrypto);
const base: SyntheticReceiptOptions = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 4,
};

async function verify(cohort: SyntheticCohort, change: (receipt: Receipt) => Receipt = (receipt) => receipt) {
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt({ ...base, cohort });
  const { request, response } = reply;
  const verdict = await verifyReceipt(change(receipt), { crypto, request, response, trust, nowMs });
  const failed = verdict.checks.filter(({ status }) => status === 'fail').map(({ id, detail }) => `${id}: ${detail}`);
  return { ...verdict, failed, ids: verdict.checks.map(({ id }) => id) };
}

const NO_DEMANDS = { exact: false, acceptedOnly: false, modelRoot: undefined };

type Roots = Header['boundaries'];
type Root = NonNullable<Roots[number]>;
const change = (place: number, bend: (root: Root) => Root | undefined): SyntheticCohort => ({
  roots: (roots) => roots.map((root, i) => (i === place && root ? bend(root) : root)),
});

describe('a receipt of a reply that a cohort served', () => {
  it('passes all three checks, and names the shards with their roots', async () => {
    const { ok, checks, cohort } = await verify({}, (receipt) => parseReceipt(encodeReceipt(receipt)));
    expect(ok).toBe(true);
    expect(checks.slice(-3)).toEqual([
      { id: 'cohort', status: 'pass', detail: '3 providers read the prompt, and each has agreed to this order' },
      {
        ...{ id: 'boundary-chain', status: 'pass' },
        detail: 'each of 2 shards before the leader has a root over 6 positions',
      },
      { id: 'boundary-signatures', status: 'pass', detail: 'each root has the signature of its shard' },
    ]);
    expect(cohort?.shards.map(({ firstLayer, layers, boundary }) => [firstLayer, layers, boundary?.isSigned])).toEqual([
      [0, 3, true],
      [3, 4, true],
      [7, 1, undefined],
    ]);
  });

  it.each<[name: string, cohort: SyntheticCohort, failed: string]>([
    ['that the receipt hides', { isHidden: true }, 'cohort: the header has 2 roots of shards'],
    ['without the consent of a shard', { unsigned: 1 }, 'cohort: shard 1 has not signed these terms'],
    [
      'that agreed to another order',
      { terms: (terms) => ({ ...terms, orderHash: new Uint8Array(32) }) },
      'cohort: the cohort has agreed to another order',
    ],
    [
      'whose layers leave a gap',
      { terms: (t) => ({ ...t, members: t.members.map((m, i) => (i === 1 ? { ...m, firstLayer: 4 } : m)) }) },
      'cohort: a shard of 4 layers from layer 4, expected layer 3',
    ],
    [
      'whose leader served in another class',
      { terms: (t) => ({ ...t, members: t.members.map((m) => ({ ...m, numericClass: 'other' })) }) },
      'cohort: the leader agreed to class other',
    ],
    ['with a missing root', change(1, () => undefined), 'boundary-chain: shard 1 (layers 3 to 6) has no root'],
    [
      'with a root over too few positions',
      { positions: 5 },
      'boundary-chain: shard 0 (layers 0 to 2) signed 5 positions, and the reply has 6',
    ],
    [
      'with a root too many',
      { roots: (roots) => [...roots, roots[0]] },
      'boundary-chain: 3 roots for 2 shards before the leader',
    ],
    [
      'with another root than the shard signed',
      change(0, (root) => ({ ...root, root: new Uint8Array(32) })),
      'boundary-signatures: shard 0 (layers 0 to 2) has not signed its root for this order',
    ],
    [
      'with a number of turns that nobody can sign',
      change(1, (root) => ({ ...root, turns: 0 })),
      'boundary-signatures: shard 1 (layers 3 to 6) has not signed its root for this order',
    ],
    [
      'with the root of another place',
      { roots: (roots) => [...roots].reverse() },
      'boundary-signatures: shard 0 (layers 0 to 2) has not signed its root for this order',
    ],
  ])('fails for a cohort %s', async (_, cohort, expected) => {
    const { ok, failed } = await verify(cohort);
    expect(ok).toBe(false);
    expect(failed).toContainEqual(expect.stringContaining(expected));
  });

  it('is no pass of signatures without any root', async () => {
    const { checks } = await verify({ roots: () => [] });
    expect(checks.slice(-2)).toMatchObject([
      { id: 'boundary-chain', status: 'fail' },
      { id: 'boundary-signatures', status: 'skip' },
    ]);
  });

  it('is no cohort in a tier in which nobody else may read the texts, and as exact as its weakest member', async () => {
    const { receipt, reply } = createSyntheticReceipt({ ...base, cohort: {} });
    const { order, header } = reply;
    const inTier = (tier: string) => {
      const request = { model: `ogong/${tier}/test/synthetic`, demands: NO_DEMANDS };
      return checkCohort(crypto, receipt, { order, request }, header).checks;
    };
    expect(inTier('tee')).toEqual([
      { id: 'cohort', status: 'fail', detail: 'in tier tee one machine serves a model alone' },
    ]);
    expect(inTier('verified').map(({ status }) => status)).toEqual(['pass', 'pass', 'pass']);
    expect(inTier('replay')).toMatchObject([{ id: 'cohort', status: 'pass' }, {}, {}]);
    const weak: SyntheticCohort = {
      terms: (t) => ({
        ...t,
        members: t.members.map((m, i) => (i === 0 ? { ...m, numericClass: 'a/b/c/fast/d/e' } : m)),
      }),
    };
    expect((await verify({})).posture?.exact).toBe(true);
    expect((await verify(weak)).posture?.exact).toBe(false);
    const { receipt: weaker } = createSyntheticReceipt({ ...base, cohort: weak });
    const request = { model: 'ogong/replay/test/synthetic', demands: NO_DEMANDS };
    const [refused] = checkCohort(crypto, weaker, { order, request }, header).checks;
    expect(refused).toMatchObject({ id: 'cohort', status: 'fail' });
    expect(refused?.detail).toMatch(/^shard 0: tier replay needs a numeric class .*; a\/b\/c\/fast\/d\/e is none$/);
  });

  it('skips the roots if the receipt is compact', async () => {
    const compact = await verify({}, (receipt) => ({ ...receipt, opening: { url: '/v1/receipts/0/opening' } }));
    const names = ['boundary-roots', 'boundary-form', 'boundary-inputs', 'boundary-chain', 'boundary-signatures'];
    expect(compact.missing.filter((id) => id.startsWith('boundary-'))).toEqual(names);
    expect(compact.checks.find(({ id }) => id === 'cohort')?.status).toBe('pass');
  });

  it('fails with the agreement of another reply, or with bytes that are none', async () => {
    const { receipt } = createSyntheticReceipt({ ...base, seed: 2, cohort: {} });
    const { cohort = new Uint8Array() } = receipt;
    expect(parseCohortAgreement(cohort).signatures).toHaveLength(3);
    for (const other of [cohort, cohort.slice(0, -1), new Uint8Array(9)]) {
      const { failed } = await verify({}, (own) => ({ ...own, cohort: other }));
      expect(failed).toEqual([expect.stringMatching(/^cohort: /)]);
    }
  });
});

it('refuses a receipt whose agreement is empty or has more than 272 KiB', () => {
  const { receipt } = createSyntheticReceipt(base);
  const parse = (size: number) => parseReceipt(encodeReceipt({ ...receipt, cohort: new Uint8Array(size) }));
  expect(parse(272 * 1024).cohort).toHaveLength(272 * 1024);
  for (const size of [0, 272 * 1024 + 1]) expect(() => parse(size)).toThrow('cohort: expected 1 to 278528 bytes');
});

it('lists none of the checks for a reply that one provider served alone', async () => {
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt(base);
  const { request, response } = reply;
  const { checks, cohort } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  expect(cohort).toBeUndefined();
  expect(checks.filter(({ id }) => /cohort|boundary/.test(id))).toEqual([]);
});
