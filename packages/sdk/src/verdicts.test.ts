import { MAX_AUDIT_ATTEMPTS } from '@ogong/protocol/audit/audit-attempt';
import { computeCommitment } from '@ogong/protocol/commitment/opening';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeReplyFee } from '@ogong/protocol/exchange/fee';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import type { DrawRow } from '@ogong/protocol/modality/text/commitment/window';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { encodeVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { encodeEvidence } from '@ogong/protocol/verdict/evidence';
import { summarizeSubmission } from '@ogong/protocol/verdict/summarize';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { type PublicVerdict, type VerdictTrust, verifyVerdict } from './index.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
const payer = createNobleLedgerSigner(new Uint8Array(32).fill(2));
const payee = createNobleLedgerSigner(new Uint8Array(32).fill(4));
const ZERO = new Uint8Array(32);
const BEACON = { value: new Uint8Array(32).fill(5), previous: new Uint8Array(32).fill(6) };

type Case = PublicVerdict & { readonly logEntry: Uint8Array };

/** Returns a validator's data of a reply that it audited, with no verifier available in any attempt. */
function publish(row?: (row: DrawRow, position: number) => DrawRow, attempts = MAX_AUDIT_ATTEMPTS) {
  const reply = createSyntheticReply({
    ...{ crypto, provider, payer, ledger, beacon: { epoch: 7n, ...BEACON } },
    bend: { order: (order) => ({ ...order, payee: payee.address }), ...(row && { row }) },
  });
  const { order } = reply;
  const { providerId } = order;
  const evidence = encodeEvidence({
    ...{ kind: 'audit', opening: reply.openingBytes, drift: undefined, attempts: [] },
    lists: Array.from({ length: row ? 0 : attempts }, () => []),
  });
  const isCheat = row !== undefined;
  const entry: VerdictEntry = {
    ...{ index: 0n, previousHash: ZERO, replyId: order.replyId, recordHash: crypto.sha256(reply.recordBytes) },
    ...{ providerId, payee: payee.address, payer: order.payer, router: order.router },
    verdict: isCheat ? 'reject' : 'unjudged',
    evidence: isCheat ? 'exact' : 'none',
    ...{ feeAtomic: 0n, fineAtomic: 0n },
    ...{
      shards: [],
      culprit: undefined,
      verifiers: [],
      beaconEpoch: 11n,
      evidenceHash: crypto.sha256(evidence),
      timeMs: 1_000,
    },
    ...(isCheat
      ? { step: 'reply', eValuePpm: 45_000_000, ejects: true }
      : { step: 'none', eValuePpm: 0, ejects: false }),
  };
  const signedOrder = { order: reply.orderBytes, signature: reply.orderSignature };
  const record = { record: reply.recordBytes, providerKey: provider.publicKey, signature: reply.recordSignature };
  const verdict: Case = {
    logEntry: encodeVerdictEntry(entry),
    ...{ order: signedOrder, record, evidence },
    submission: summarizeSubmission(crypto, {
      ...{ order: signedOrder, record, header: reply.opening.header, request: reply.request, endpoint: 'chat' },
      headerProof: computeCommitment(crypto, reply.opening).headerProof,
      response: reply.response,
      payeeWord: signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId }),
    }),
  };
  const trust: VerdictTrust = {
    ...{ ledger, validator: order.validator, allowFixedVerifier: false, nowMs: 2_000 },
    findBeacon: async () => BEACON,
    findPolicy: () => undefined,
  };
  const bend = (change: Partial<VerdictEntry>): Case => ({
    ...verdict,
    logEntry: encodeVerdictEntry({ ...entry, ...change }),
  });
  const feeAtomic = computeReplyFee(order, boundTextTokens(parseRequest(reply.request, 'chat')), reply.header);
  return { verdict, trust, bend, entry, feeAtomic };
}

const honest = publish();
const cheat = publish((row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row));
const problemOf = async (verdict: Case, trust: VerdictTrust): Promise<string | undefined> =>
  (await verifyVerdict(verdict, trust)).checks.find(({ status }) => status === 'fail')?.detail;

describe('a verdict, from public bytes alone', () => {
  it('equals its evidence: a cheat, and an unjudged reply', async () => {
    const rejected = await verifyVerdict(cheat.verdict, cheat.trust);
    expect(rejected).toMatchObject({ ok: true, judgement: { verdict: 'reject', evidence: 'exact' } });
    expect(rejected.judgement?.checks).toContainEqual(expect.objectContaining({ id: 'draw-replay', status: 'fail' }));
    const open = await verifyVerdict(honest.verdict, honest.trust);
    expect(open).toMatchObject({ ok: true, judgement: { verdict: 'unjudged', evidence: 'none' } });
  });

  it('of an unjudged reply is wrong before its last audit attempt, and by any other beacon', async () => {
    for (const attempts of [1, MAX_AUDIT_ATTEMPTS - 1]) {
      const early = publish(undefined, attempts);
      expect(await problemOf(early.verdict, early.trust)).toMatch(`after ${attempts} audit attempts`);
    }
    const asked: bigint[] = [];
    const findBeacon = async (epoch: bigint) => {
      asked.push(epoch);
      return BEACON;
    };
    await verifyVerdict(honest.verdict, { ...honest.trust, findBeacon });
    expect(asked.slice(2)).toEqual([13n, 17n, 23n, 31n, 41n, 53n, 67n]);
  });

  it('of a skipped reply names its skipped checks', async () => {
    const { feeAtomic } = honest;
    const unaudited = { verdict: 'unaudited', evidence: 'none', evidenceHash: ZERO, feeAtomic } as const;
    const passedOver = { ...honest.bend(unaudited), evidence: new Uint8Array(0) };
    const skipped = async (verdict: Case, trust = honest.trust) => {
      const { ok, checks } = await verifyVerdict(verdict, trust);
      return { ok, ids: checks.filter(({ status }) => status === 'skip').map(({ id }) => id) };
    };
    expect(await skipped(passedOver)).toEqual({ ok: true, ids: ['coverage'] });
    // A debt takes the fee when the batch is settled. The payer owes it all the same.
    const owing = { ...honest.trust, balance: { credit: 0, debtAtomic: 1n } };
    expect(await skipped(passedOver, owing)).toEqual({ ok: true, ids: ['coverage'] });
    const unpaid = { ...honest.bend({ ...unaudited, feeAtomic: 0n }), evidence: new Uint8Array(0) };
    expect(await problemOf(unpaid, owing)).toMatch(`owed are ${feeAtomic}`);
  });

  it.each<[string, Case, RegExp]>([
    [
      'rejects an honest reply',
      honest.bend({ verdict: 'reject', evidence: 'statistical' }),
      /says unjudged, not reject/,
    ],
    [
      'accepts what nobody saw',
      honest.bend({ verdict: 'accept', evidence: 'statistical', feeAtomic: honest.feeAtomic }),
      /says unjudged, not accept/,
    ],
    [
      'charges more',
      honest.bend({ verdict: 'accept', evidence: 'statistical', feeAtomic: honest.feeAtomic + 1n }),
      /owed are/,
    ],
    ['pays another', honest.bend({ payee: new Uint8Array(20).fill(9) }), /pays another/],
    [
      'credits a verifier',
      honest.bend({ verifiers: [{ verifierId: ZERO, payee: payee.address, outcome: 'credited', tokens: 1 }] }),
      /of its verifiers/,
    ],
    ['ejects for nothing', honest.bend({ verdict: 'reject', evidence: 'statistical', ejects: true }), /says unjudged/],
    ['says how it was weighed', honest.bend({ evidence: 'statistical' }), /evidence is none/],
    ['rests on other evidence', { ...honest.verdict, evidence: cheat.verdict.evidence }, /other evidence/],
    [
      'opens another reply',
      { ...honest.bend({ evidenceHash: crypto.sha256(cheat.verdict.evidence) }), evidence: cheat.verdict.evidence },
      /not an opening/,
    ],
    [
      'has a forged order',
      { ...honest.verdict, order: { ...honest.verdict.order, signature: new Uint8Array(65) } },
      /payer/,
    ],
    ['is of no reply', { ...honest.verdict, submission: undefined }, /the reply is missing/],
    ['is cut off', { ...honest.verdict, logEntry: honest.verdict.logEntry.slice(1) }, /./],
  ])('that %s is caught', async (_what, verdict, problem) => {
    expect(await problemOf(verdict, honest.trust)).toMatch(problem);
  });

  it('of a cheat that is let off is caught', async () => {
    expect(await problemOf(cheat.bend({ ejects: false }), cheat.trust)).toMatch(/exact evidence ejects/);
    expect(await problemOf(cheat.bend({ evidence: 'statistical' }), cheat.trust)).toMatch(/evidence is exact/);
  });

  it('that needs unknown data is neither right nor wrong', async () => {
    const findBeacon = () => Promise.reject(new Error('no such epoch here'));
    await expect(verifyVerdict(honest.verdict, { ...honest.trust, findBeacon })).rejects.toThrow('no such epoch');
  });
});
