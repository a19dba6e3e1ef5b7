import {
  createSyntheticReceipt,
  type SyntheticReceipt,
  type SyntheticReceiptOptions,
} from '@ogong/testing/synthetic/synthetic-receipt';
import { attest, attested, installTier } from '@ogong/testing/tier/attested-tier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { parseModelId } from '../exchange/match.ts';
import { encodeReceipt, parseReceipt, type Receipt } from '../stage1/receipt.ts';
import { verifyReceipt } from '../verdict/receipt/verify-receipt.ts';
import { findEngineProblem } from './posture.ts';

let uninstall: () => void;
beforeAll(() => {
  uninstall = installTier(attested);
});
afterAll(() => uninstall());

const MODEL = 'ogong/proof/test/synthetic';
const base: SyntheticReceiptOptions = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 40,
};

interface Served {
  readonly model?: string;
  readonly tier?: string;
  readonly method?: string;
}

function serve({ model = MODEL, tier = 'proof', method = 'attestation' }: Served = {}): SyntheticReceipt {
  return createSyntheticReceipt({
    ...base,
    parameters: { model },
    bend: { header: (header) => ({ ...header, tier, method }) },
    bendTicket: (ticket) => ({ ...ticket, modelId: model }),
  });
}

const vouch = ({ receipt }: SyntheticReceipt): Receipt => ({
  ...receipt,
  evidence: new Map([['attestation', attest(crypto, receipt.record.bytes)]]),
});

async function verify({ reply, trust, nowMs }: SyntheticReceipt, receipt: Receipt) {
  const { request, response } = reply;
  const modelRoots = { [MODEL]: reply.order.modelRoot, 'ogong/verified/test/synthetic': reply.order.modelRoot };
  const verdict = await verifyReceipt(receipt, { crypto, request, response, trust: { ...trust, modelRoots }, nowMs });
  const failed = verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  return { ...verdict, failed: failed.sort() };
}

describe('a third tier, with its line in the list', () => {
  it('is named by model ids and served by engines', () => {
    expect(parseModelId(MODEL).tier).toBe('proof');
    expect(findEngineProblem('proof', { numericClass: 'synthetic/1', exact: false })).toBeUndefined();
  });

  it('has receipts that pass every check, its own one too, and after their JSON', async () => {
    const served = serve();
    const receipt = parseReceipt(encodeReceipt(vouch(served)));
    expect(receipt).toEqual(vouch(served));
    const { ok, checks, posture } = await verify(served, receipt);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map(({ id }) => id)).toContain('attestation');
    expect(posture).toMatchObject({ tier: 'proof', method: 'attestation' });
    expect(checks.find(({ id }) => id === 'posture')?.detail).toMatch(/an audit asks the twin/);
  });

  it('has its evidence checked in a compact receipt, too', async () => {
    const served = serve();
    const compact = { ...vouch(served), opening: { url: '/v1/receipts/1/opening' } };
    const { failed, missing } = await verify(served, compact);
    expect(failed).toEqual([]);
    expect(missing).toContain('draw-replay');
    expect(missing).not.toContain('attestation');
    const { evidence, ...bare } = compact;
    expect(evidence).toBeDefined();
    expect((await verify(served, bare)).failed).toEqual(['attestation', 'evidence']);
  });

  it.each<[what: string, bend: (receipt: Receipt) => Receipt, failed: string[]]>([
    ['none of its own evidence', ({ evidence, ...rest }) => rest, ['attestation', 'evidence']],
    [
      'evidence under another name',
      (r) => own(r, 'quote', attest(crypto, r.record.bytes)),
      ['attestation', 'evidence'],
    ],
    ['evidence of another record', (r) => own(r, 'attestation', attest(crypto, r.order.bytes)), ['attestation']],
    ['evidence that cannot be read', (r) => own(r, 'attestation', new Uint8Array(31)), ['attestation']],
  ])('fails with %s', async (_what, bend, failed) => {
    const served = serve();
    expect((await verify(served, bend(vouch(served)))).failed).toEqual(failed);
  });

  it('fails by the method of another tier', async () => {
    const served = serve({ method: 'draw-replay' });
    expect((await verify(served, vouch(served))).failed).toEqual(['posture']);
  });

  it('is not had by who asked for another one, nor the other way round', async () => {
    const other = serve({ model: 'ogong/verified/test/synthetic' });
    expect((await verify(other, other.receipt)).failed).toEqual(['sampler']);
    const weaker = serve({ tier: 'verified', method: 'draw-replay' });
    expect((await verify(weaker, weaker.receipt)).failed).toEqual(['attestation', 'evidence', 'sampler']);
  });
});

function own(receipt: Receipt, name: string, bytes: Uint8Array): Receipt {
  return { ...receipt, evidence: new Map([[name, bytes]]) };
}
