import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../../base/bytes.ts';
import { hashRecord } from '../../commitment/record.ts';
import type { LedgerSigner } from '../../crypto/crypto.ts';
import { computeInclusionProof, hashLeaf } from '../../crypto/merkle.ts';
import { hashIntake } from '../../exchange/intake-receipt.ts';
import { buildSettlement, hashSettlement, type Settlement } from '../../settlement/batch.ts';
import { listShards, parseCohortAgreement } from '../../settlement/cohort-agreement.ts';
import { appendVerdict, computeGenesisPosition, type VerdictFields } from '../../settlement/verdict-log.ts';
import type { Receipt } from '../../stage1/receipt.ts';
import { checkSettledEntry, type SettledEvidence } from './settled.ts';
import { verifyReceipt } from './verify-receipt.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
const options = {
  ...{ crypto, ledger, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
};
const { receipt, reply, trust, nowMs } = createSyntheticReceipt(options);
const { order } = reply;
const domain = { chainId: ledger.chainId, verifyingContract: trust.settlement };
/** Validators of the synthetic network. The first one handles the reply. */
const signers = [1, 2, 3, 4].map((seed) => createNobleLedgerSigner(new Uint8Array(32).fill(0x40 + seed)));

/** The fee as stated by the receipt's own check. */
const FEE = BigInt(
  /^\d+/.exec(
    (await verifyReceipt(receipt, { crypto, ...pickBodies(), trust, nowMs })).checks.find(({ id }) => id === 'fee')
      ?.detail ?? '',
  )?.[0] ?? '',
);

const fields: VerdictFields = {
  replyId: order.replyId,
  recordHash: hashRecord(crypto, receipt.record.bytes),
  ...{ providerId: order.providerId, payee: order.payee, payer: order.payer, router: order.router },
  ...{ verdict: 'accept', evidence: 'exact', feeAtomic: FEE, fineAtomic: 0n, verifiers: [], beaconEpoch: 9n },
  ...{ evidenceHash: new Uint8Array(32).fill(1), step: 'reply', eValuePpm: 102_040, ejects: false, timeMs: nowMs },
};

function pickBodies() {
  return { request: reply.request, response: reply.response };
}

interface Bend {
  readonly entry?: Partial<VerdictFields>;
  readonly validator?: Uint8Array;
  readonly settlement?: (settlement: Settlement) => Settlement;
}

/** A batch of three replies. This one is in the middle. */
function settle({
  entry: bent = {},
  validator = order.validator,
  settlement: bendSettlement = (same) => same,
}: Bend = {}) {
  const rows = [
    { ...fields, replyId: new Uint8Array(16) },
    { ...fields, ...bent },
    { ...fields, replyId: new Uint8Array(16).fill(1) },
  ];
  let position = computeGenesisPosition(crypto, { chainId: ledger.chainId, settlement: new Uint8Array(20), validator });
  const appended = rows.map((row) => {
    const next = appendVerdict(crypto, position, row);
    position = next.position;
    return next;
  });
  const entries = appended.map(({ bytes }) => bytes);
  const voucher = {
    payer: order.payer,
    cumulative: 10n ** 9n,
    termsHash: new Uint8Array(32),
    signature: new Uint8Array(65),
  };
  const settlement = bendSettlement(
    buildSettlement(crypto, { validator, sequence: 1n, position, entries: appended, vouchers: [voucher] }),
  );
  const digest = hashSettlement(crypto, domain, settlement);
  const leaves = entries.map((bytes) => hashLeaf(crypto, bytes));
  return {
    entry: entries[1] as Uint8Array,
    index: 1,
    proof: computeInclusionProof(crypto, leaves, 1),
    settlement,
    signatures: signers.slice(0, 3).map((one) => ({ signer: one.address, signature: one.signDigest(digest) })),
    votes: signers.map(({ address }) => ({ address, signingKey: address, stake: 100n })),
    totalVotes: 400n,
    event: settlement.batch,
    blockNumber: 77n,
  } satisfies SettledEvidence;
}

async function judge(settled: Parameters<typeof verifyReceipt>[1]['settled'], given: object = trust) {
  const { request, response } = reply;
  const { ok, checks, missing } = await verifyReceipt(receipt, {
    crypto,
    request,
    response,
    trust: given,
    nowMs,
    ...(settled && { settled }),
  });
  return { ok, missing, settled: checks.find(({ id }) => id === 'settled') };
}

describe('the intake receipt of the validator', () => {
  const [handler] = signers.filter(({ address }) => equalBytes(address, order.validator)) as [LedgerSigner];
  const other = signers.find((one) => one !== handler) as LedgerSigner;
  const { validator } = order;
  const taken = { validator, orderHash: reply.order.orderHash, recordHash: fields.recordHash, epoch: 8n };
  const sign = (bent: object = {}, by = handler, of = ledger) => ({
    epoch: 8n,
    signature: by.signDigest(hashIntake(crypto, of, { ...taken, ...bent })),
    signingKeys: [new Uint8Array(20), handler.address],
  });
  const { intake: _intake, ...unsigned } = receipt;
  const look = async (intake: Parameters<typeof verifyReceipt>[1]['intake'], own: Receipt = unsigned) => {
    const { ok, missing, checks } = await verifyReceipt(own, {
      crypto,
      ...pickBodies(),
      trust,
      nowMs,
      ...(intake && { intake }),
    });
    return { ok, missing, status: checks.find(({ id }) => id === 'intake')?.status };
  };

  it('passes if it is for this order and this record, and is skipped while there is none', async () => {
    expect(await look(sign())).toEqual({ ok: true, missing: [], status: 'pass' });
    expect(await look(undefined)).toEqual({ ok: false, missing: ['intake'], status: 'skip' });
    expect(await look(undefined, { ...unsigned, intake: sign() })).toEqual({ ok: true, missing: [], status: 'pass' });
    // The intake in the receipt counts, not the one from the reader's context.
    expect(await look(sign(), { ...unsigned, intake: sign({}, other) })).toMatchObject({ ok: false, status: 'fail' });
    expect(await look({ problem: 'nobody knows the reply' })).toEqual({
      ok: false,
      missing: ['intake'],
      status: 'skip',
    });
  });

  it.each([
    ['another validator', sign({}, other)],
    ['another order', sign({ orderHash: new Uint8Array(32) })],
    ['another record', sign({ recordHash: new Uint8Array(32) })],
    ['another epoch', { ...sign(), epoch: 9n }],
    ['another chain', sign({}, handler, { ...ledger, chainId: 1n })],
    ['a key that the chain does not name', { ...sign(), signingKeys: [other.address] }],
    ['no key at all', { ...sign(), signingKeys: [] }],
    ['an epoch before that of its admission', { ...sign({ epoch: 6n }), epoch: 6n }],
    ['a truncated signature', { ...sign(), signature: sign().signature.subarray(1) }],
  ])('fails for %s', async (_what, intake) => {
    expect(await look(intake)).toMatchObject({ ok: false, status: 'fail' });
  });
});

describe('a receipt with its settled log entry', () => {
  const good = settle();
  const other = new Uint8Array(32).fill(9);
  const stranger = createNobleLedgerSigner(new Uint8Array(32).fill(0x50));

  it('is good if the chain accepted the batch with this record', async () => {
    const { ok, settled } = await judge(good);
    expect([ok, settled?.status]).toEqual([true, 'pass']);
    expect(settled?.detail).toMatch(/^accept, fee \d+: entry 1 of 0x[0-9a-f]{40}, batch 1, block 77$/);
    expect((await judge(undefined)).settled).toBeUndefined();
  });

  it.each([
    ['nothing or the whole fee', 'inconclusive', 'pass'],
    ['the whole fee', 'unaudited', 'fail'],
  ] as const)('is good for %s under %s', async (_what, verdict, unpaid) => {
    const statusAt = async (feeAtomic: bigint) =>
      (await judge(settle({ entry: { verdict, feeAtomic, step: 'none', eValuePpm: 0 } }))).settled?.status;
    expect([await statusAt(0n), await statusAt(FEE), await statusAt(FEE - 1n)]).toEqual([unpaid, 'pass', 'fail']);
  });

  it('fails if the entry names other shards than the receipt', async () => {
    const one = {
      firstLayer: 0,
      layers: 3,
      pricePer1kAtomic: 1n,
      providerId: other,
      payee: new Uint8Array(20).fill(1),
    };
    const last = { ...one, ...{ firstLayer: 3, providerId: order.providerId, payee: order.payee } };
    const { settled } = await judge(settle({ entry: { shards: [one, last] } }));
    expect(settled).toMatchObject({ status: 'fail', detail: 'the log entry names other shards than the receipt' });
  });

  it('is good for a cohort if the entry names its shards, and fails if the entry names the leader alone', async () => {
    const { receipt: shared, reply: served } = createSyntheticReceipt({ ...options, cohort: {} });
    const { terms } = parseCohortAgreement(shared.cohort ?? new Uint8Array());
    const recordHash = hashRecord(crypto, shared.record.bytes);
    const { request, response } = served;
    const judgeShared = (entry: Partial<VerdictFields>) =>
      verifyReceipt(shared, {
        crypto,
        request,
        response,
        trust,
        nowMs,
        settled: settle({ entry: { recordHash, ...entry } }),
      });
    const settled = await judgeShared({ shards: listShards(terms) });
    expect(settled).toMatchObject({ ok: true, cohort: { verdict: 'accept' } });
    const alone = await judgeShared({});
    expect(alone.checks.filter(({ status }) => status === 'fail')).toMatchObject([{ id: 'settled' }]);
    expect(alone.cohort?.verdict).toBeUndefined();
    const shards = listShards(terms);
    const [first] = shards;
    const reject = { verdict: 'reject', feeAtomic: 0n, shards, culprit: 0 } as const;
    const blamed = await judgeShared(reject);
    const providerId = toHex(first?.providerId ?? other);
    expect(blamed).toMatchObject({ ok: false, cohort: { culprit: { place: 0, firstLayer: 0, providerId } } });
    const [refusal] = blamed.checks.filter(({ status }) => status === 'fail');
    expect(refusal?.detail).toMatch(/^the validator's log says reject about shard 0 \(layers? .*\), key [0-9a-f]{16}$/);
    const about = { replyId: order.replyId, validator: order.validator, domain };
    const [logged] = checkSettledEntry(crypto, about, settle({ entry: { recordHash, ...reject } })).checks;
    expect(logged?.detail).toMatch(/^entry \d+ of the log: reject about shard 0 \(.*\), key [0-9a-f]{16}, fee 0$/);
    for (const change of [{ recordHash: other }, { shards: shards.map((one) => ({ ...one, pricePer1kAtomic: 1n })) }])
      expect((await judgeShared({ ...reject, ...change })).cohort).not.toHaveProperty('culprit');
    expect((await judgeShared({ ...reject, culprit: undefined })).cohort).not.toHaveProperty('culprit');
  });

  it.each<[string, SettledEvidence, RegExp]>([
    ['bytes that are no entry', { ...good, entry: other }, /does not parse/],
    ['the entry of another reply', settle({ entry: { replyId: new Uint8Array(16).fill(7) } }), /another reply/],
    ['another record of this reply', settle({ entry: { recordHash: other } }), /another record/],
    ['another provider', settle({ entry: { providerId: other } }), /other parties/],
    ['another payee', settle({ entry: { payee: new Uint8Array(20).fill(9) } }), /other parties/],
    [
      'another payer',
      { ...good, entry: settle({ entry: { router: new Uint8Array(20).fill(8) } }).entry },
      /other parties/,
    ],
    ['a fee above the order', settle({ entry: { feeAtomic: order.maxFeeAtomic + 1n } }), /the order allows/],
    ['an accepted reply without its fee', settle({ entry: { feeAtomic: 0n } }), /the reply costs/],
    ['another fee than the reply costs', settle({ entry: { feeAtomic: FEE - 1n } }), /the reply costs/],
    [
      'another entry under the same proof',
      { ...good, entry: settle({ entry: { timeMs: nowMs + 1 } }).entry },
      /not in the batch/,
    ],
    ['a reply that was rejected', settle({ entry: { verdict: 'reject', feeAtomic: 0n } }), /says reject/],
    ['the log of another validator', settle({ validator: stranger.address }), /another validator/],
    ['another index in the batch', { ...good, index: 0 }, /not in the batch/],
    ['an index behind the batch', { ...good, index: 3 }, /not in the batch/],
    ['a truncated proof', { ...good, proof: good.proof.slice(1) }, /not in the batch/],
    [
      'an entry behind the log',
      settle({ settlement: (s) => ({ ...s, batch: { ...s.batch, logLength: 1n } }) }),
      /behind the end/,
    ],
    [
      'a batch beyond every limit',
      settle({ settlement: (s) => ({ ...s, batch: { ...s.batch, replies: 1_001 } }) }),
      /a batch of/,
    ],
    ['too few signatures', { ...good, signatures: good.signatures.slice(1) }, /signed by 200 of 400/],
    ['one signature three times', { ...good, signatures: Array(3).fill(good.signatures[0]) }, /signed by 100 of 400/],
    [
      'signatures by other keys than the accounts named',
      { ...good, votes: good.votes.map((vote) => ({ ...vote, signingKey: stranger.address })) },
      /signed by 0 of 400/,
    ],
    [
      'signers without a vote',
      { ...good, votes: [{ address: stranger.address, signingKey: stranger.address, stake: 400n }] },
      /signed by 0 of 400/,
    ],
    [
      'signatures for another batch',
      { ...good, signatures: settle({ entry: { timeMs: nowMs + 1 } }).signatures },
      /signed by 0/,
    ],
    ['votes that are not all', { ...good, totalVotes: 450n }, /signed by 300 of 450/],
    ['another event', { ...good, event: { ...good.event, sequence: 2n } }, /took another batch/],
    ['an event of another log', { ...good, event: { ...good.event, logHead: other } }, /took another batch/],
    ['an event of another root', { ...good, event: { ...good.event, recordsRoot: other } }, /took another batch/],
  ])('fails for %s', async (_what, evidence, detail) => {
    const { ok, settled } = await judge(evidence);
    expect([ok, settled?.status]).toEqual([false, 'fail']);
    expect(settled?.detail).toMatch(detail);
  });

  it('is not good without a proof or a trusted contract, unless the reader allows it', async () => {
    expect(await judge({ problem: 'not settled yet' })).toMatchObject({ ok: false, missing: ['settled'] });
    expect((await judge({ problem: 'not settled yet' }, { ...trust, allow: ['settled'] })).ok).toBe(true);
    const { settlement: _none, ...rest } = trust;
    expect((await judge(good, rest)).missing).toContain('settled');
  });
});

describe('a settled entry, for a reader without a receipt', () => {
  const { replyId, validator } = order;
  const statusesOf = (evidence: SettledEvidence, told: object = {}) =>
    Object.fromEntries(
      checkSettledEntry(crypto, { replyId, validator, domain, ...told }, evidence).checks.map(({ id, status }) => [
        id,
        status,
      ]),
    );
  const all = { 'log-entry': 'pass', 'batch-inclusion': 'pass', quorum: 'pass' };

  it('passes if entry, batch, quorum and event agree', () => {
    expect(statusesOf(settle())).toEqual(all);
    expect(checkSettledEntry(crypto, { replyId, validator, domain }, settle()).entry?.feeAtomic).toBe(FEE);
  });

  it('fails exactly the violated check', () => {
    const settled = settle();
    expect(statusesOf(settled, { replyId: new Uint8Array(16).fill(7) })).toEqual({ ...all, 'log-entry': 'fail' });
    expect(statusesOf({ ...settled, index: 0 })).toEqual({ ...all, 'batch-inclusion': 'fail' });
    expect(statusesOf(settled, { validator: new Uint8Array(20) })).toEqual({ ...all, 'batch-inclusion': 'fail' });
    expect(statusesOf({ ...settled, signatures: settled.signatures.slice(1) })).toEqual({ ...all, quorum: 'fail' });
    expect(statusesOf({ ...settled, event: { ...settled.event, sequence: 2n } })).toEqual({ ...all, quorum: 'fail' });
    expect(statusesOf({ ...settled, entry: new Uint8Array(9) })).toEqual({ 'log-entry': 'fail' });
  });

  it('has no batch for an unpaid reply', () => {
    const refused = settle({ entry: { verdict: 'reject', feeAtomic: 0n } });
    expect(statusesOf(refused)).toEqual({ ...all, 'batch-inclusion': 'skip' });
  });
});
