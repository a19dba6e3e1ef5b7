import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { computeInclusionProof, hashLeaf, verifyInclusion } from '../crypto/merkle.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import type { Order } from '../exchange/order.ts';
import { BURNT } from './audit-balance.ts';
import {
  areModelsNamed,
  type BatchInput,
  buildSettlement,
  createVoucher,
  encodeSettlement,
  hashSettlement,
  type Line,
  parseSettlement,
  type ReadEntry,
  type Settlement,
} from './batch.ts';
import { computeSettlementGas, createGasMeter, MAX_BATCH_ENTRIES } from './gas.ts';
import { INITIAL_TESTS } from './log-tests.ts';
import {
  appendVerdict,
  computeGenesisPosition,
  isBillable,
  VERDICTS,
  type VerdictFields,
  type VerifierMark,
} from './verdict-log.ts';

const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const unprefixed = (hex: string): Uint8Array => fromHex(hex.slice(2));
const validator = bytesOf(20, 0xaa);

interface Reply {
  readonly verdict: (typeof VERDICTS)[number];
  readonly fee: bigint;
  /** Fine for an abandoned reply. Default: 0. */
  readonly fine?: bigint;
  readonly payer: number;
  readonly payee: number;
  readonly router: number;
  readonly ejects: boolean;
  /** Payees of the credited verifiers; 0 stands for none. Default: no verifiers. */
  readonly credited?: readonly number[];
  /** Half hours in which the verifier of payee 9 was silent. Default: none. */
  readonly silentAt?: readonly number[];
  /** Payees of the verifiers that the entry names as refuted. */
  readonly refuted?: readonly number[];
  readonly timeMs?: number;
}

const anyReplies: fc.Arbitrary<Reply[]> = fc.array(
  fc.record({
    verdict: fc.constantFrom(...VERDICTS),
    fee: fc.bigInt(0n, 1n << 70n),
    fine: fc.bigInt(0n, 1n << 70n),
    payer: fc.nat(3),
    payee: fc.nat(3),
    router: fc.nat(2),
    ejects: fc.boolean(),
    credited: fc.array(fc.nat(3), { maxLength: 3 }),
    refuted: fc.array(fc.nat(3), { maxLength: 3 }),
  }),
  { maxLength: 20 },
);

/** Lists the replies without those of a provider that exact evidence ejects in the same run. */
const listBillable = (replies: readonly Reply[]): Reply[] => {
  const cheats = new Set(replies.filter(({ verdict }) => verdict === 'reject').map(({ payee }) => payee));
  return replies.filter(({ verdict, payee }) => isBillable(verdict) && !cheats.has(payee));
};

const canEject = (verdict: Reply['verdict']): boolean => !['unaudited', 'abandoned', 'unjudged'].includes(verdict);

/** Returns the tokens of a reply that each payee's verifiers score. */
const tokensOf = (payee: number): number => 5 + 7 * payee * payee;

const markAll = (outcome: 'credited' | 'refuted', payees: readonly number[] = []): VerifierMark[] =>
  payees.map((payee) => ({
    ...{ verifierId: bytesOf(32, payee), payee: bytesOf(20, payee) },
    ...(outcome === 'credited' ? { outcome, tokens: tokensOf(payee) } : { outcome }),
  }));

function toFields(reply: Reply, index: number): VerdictFields {
  return {
    replyId: bytesOf(16, index),
    recordHash: bytesOf(32, index),
    providerId: bytesOf(32, reply.payee),
    payee: bytesOf(20, reply.payee),
    verdict: reply.verdict,
    evidence:
      reply.verdict === 'unaudited' || reply.verdict === 'unjudged'
        ? 'none'
        : reply.verdict === 'reject'
          ? 'exact'
          : 'statistical',
    feeAtomic: isBillable(reply.verdict) ? reply.fee : 0n,
    fineAtomic: reply.verdict === 'abandoned' ? (reply.fine ?? 0n) : 0n,
    payer: bytesOf(20, reply.payer),
    router: bytesOf(20, reply.router),
    verifiers: [
      ...markAll('credited', reply.credited),
      ...markAll('refuted', reply.refuted),
      ...(reply.silentAt ?? []).map((halfHour) => ({
        ...{ verifierId: bytesOf(32, 9), payee: bytesOf(20, 9), outcome: 'silent' as const, halfHour },
      })),
    ],
    beaconEpoch: 1n,
    evidenceHash: bytesOf(32, 0),
    ...{ step: 'none', eValuePpm: 0, ejects: reply.ejects && canEject(reply.verdict) },
    timeMs: reply.timeMs ?? index + 1,
  };
}

function toInput(replies: readonly Reply[], cumulative = 1n << 100n): BatchInput {
  let position = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
  const entries: ReadEntry[] = [];
  for (const [index, reply] of replies.entries()) {
    const next = appendVerdict(nobleCrypto, position, toFields(reply, index));
    entries.push(next);
    position = next.position;
  }
  const vouchers = [0, 1, 2, 3].flatMap((payer) =>
    [cumulative - 1n, cumulative].map((sum) => ({
      payer: bytesOf(20, payer),
      cumulative: sum,
      termsHash: bytesOf(32, payer),
      signature: bytesOf(65, payer),
    })),
  );
  return { validator, sequence: 1n, position, entries, vouchers };
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe('settlement digest', () => {
  it.each(vectors.batches)(
    'agrees with the contract: $name',
    ({ batch, debits, lines, ejected, tallies, batchDigest }) => {
      const settlement: Omit<Settlement, 'uncollectable'> = {
        batch: {
          validator: unprefixed(batch.validator),
          sequence: BigInt(batch.sequence),
          logHead: unprefixed(batch.logHead),
          logLength: BigInt(batch.logLength),
          recordsRoot: unprefixed(batch.recordsRoot),
          replies: batch.replies,
        },
        debits: debits.map((debit) => ({
          payer: unprefixed(debit.payer),
          amount: BigInt(debit.amount),
          cumulative: BigInt(debit.cumulative),
          termsHash: unprefixed(debit.termsHash),
          signature: new Uint8Array(65),
        })),
        lines: lines.map((line) => ({
          providerId: unprefixed(line.providerId),
          payee: unprefixed(line.payee),
          router: unprefixed(line.router),
          gross: BigInt(line.gross),
          fine: BigInt(line.fine),
          modelRoot: unprefixed(line.modelRoot),
        })),
        ejections: ejected.map(unprefixed),
        tallies: tallies.map(({ payee, ...counts }) => ({ payee: unprefixed(payee), ...counts })),
      };
      const domain = {
        chainId: BigInt(vectors.domain.chainId),
        verifyingContract: unprefixed(vectors.domain.settlement),
      };
      expect(`0x${toHex(hashSettlement(nobleCrypto, domain, settlement))}`).toBe(batchDigest);
      const moved = { ...settlement, batch: { ...settlement.batch, sequence: settlement.batch.sequence ^ 1n } };
      expect(`0x${toHex(hashSettlement(nobleCrypto, domain, moved))}`).not.toBe(batchDigest);
    },
  );
});

describe('settlement', () => {
  it('conserves money: debits, lines and the fees of accepted replies have the same sum', () => {
    fc.assert(
      fc.property(anyReplies, (replies) => {
        const { batch, debits, lines, ejections } = buildSettlement(nobleCrypto, toInput(replies));
        const billable = listBillable(replies);
        expect(sum(debits.map(({ amount }) => amount))).toBe(sum(billable.map(({ fee }) => fee)));
        expect(sum(lines.map(({ gross }) => gross))).toBe(sum(billable.map(({ fee }) => fee)));
        expect(batch.replies).toBe(billable.length);
        for (let payer = 0; payer < 4; payer++) {
          const owed = sum(billable.filter((reply) => reply.payer === payer).map(({ fee }) => fee));
          const debit = debits.find((one) => one.payer[0] === payer);
          expect(debit?.amount ?? 0n).toBe(owed);
        }
        const ejecting = replies.filter(({ ejects, verdict }) => ejects && canEject(verdict)).map(({ payee }) => payee);
        expect(ejections.map((id) => id[0])).toEqual([...new Set(ejecting)].sort());
      }),
      { seed: 90 },
    );
  });

  it('excludes debts of uncollectable payers from debits and lines, but counts and commits to their replies', () => {
    fc.assert(
      fc.property(anyReplies, fc.subarray([0, 1, 2, 3]), (replies, chosen) => {
        const input = toInput(replies);
        const whole = buildSettlement(nobleCrypto, input);
        const uncollectable = whole.debits
          .map(({ payer }) => payer)
          .filter(([payer]) => chosen.includes(payer as number));
        const without = buildSettlement(nobleCrypto, { ...input, uncollectable });
        const isLeftOut = (payer: number): boolean => uncollectable.some((one) => one[0] === payer);
        expect(without.batch).toEqual(whole.batch);
        expect(without.ejections).toEqual(whole.ejections);
        expect(without.debits).toEqual(whole.debits.filter(({ payer }) => !isLeftOut(payer[0] as number)));
        const paid = listBillable(replies).filter(({ payer }) => !isLeftOut(payer));
        for (const { payee, router, gross } of without.lines) {
          const own = paid.filter((reply) => reply.payee === payee[0] && reply.router === router[0]);
          expect(gross).toBe(sum(own.map(({ fee }) => fee)));
        }
        expect(sum(without.lines.map(({ gross }) => gross))).toBe(sum(paid.map(({ fee }) => fee)));
      }),
      { seed: 91 },
    );
  });

  it('fines a provider for abandoned replies, up to its earnings in the run, and nobody else', () => {
    fc.assert(
      fc.property(anyReplies, fc.subarray([0, 1, 2, 3]), (replies, chosen) => {
        const input = toInput(replies);
        const owing = buildSettlement(nobleCrypto, input).debits.map(({ payer }) => payer);
        const uncollectable = owing.filter(([payer]) => chosen.includes(payer as number));
        const { lines } = buildSettlement(nobleCrypto, { ...input, uncollectable });
        const abandoned = replies.filter(({ verdict }) => verdict === 'abandoned');
        for (let payee = 0; payee < 4; payee++) {
          const own = lines.filter(({ providerId }) => providerId[0] === payee);
          const due = sum(abandoned.filter((reply) => reply.payee === payee).map(({ fine = 0n }) => fine));
          const earned = sum(own.map(({ gross }) => gross));
          expect(sum(own.map(({ fine }) => fine))).toBe(due < earned ? due : earned);
          for (const { gross, fine } of own) expect(fine <= gross).toBe(true);
        }
      }),
      { seed: 93 },
    );
  });

  it('takes a fine from the first lines, for any payer of the abandoned reply', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const run: Reply[] = [
      { ...reply, verdict: 'abandoned', fine: 7n, payer: 3 },
      reply,
      { ...reply, router: 2 },
      { ...reply, payee: 2 },
    ];
    expect(buildSettlement(nobleCrypto, toInput(run))).toMatchObject({
      debits: [{ payer: bytesOf(20, 1), amount: 15n }],
      lines: [{ fine: 5n }, { fine: 2n }, { fine: 0n }],
    });
  });

  describe('of a key in debt', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const owing = (debtAtomic: bigint): NonNullable<BatchInput['findTests']> => {
      const tests = { ...INITIAL_TESTS, balance: { credit: 0, debtAtomic } };
      return (subject) => (subject[0] === 1 && subject.length === 32 ? tests : INITIAL_TESTS);
    };
    const build = (replies: readonly Reply[], debtAtomic: bigint) =>
      buildSettlement(nobleCrypto, { ...toInput(replies), findTests: owing(debtAtomic) });

    it('burns its next fees, and pays the later ones to its payee; payers owe all', () => {
      const { debits, lines } = build([reply, reply, reply, { ...reply, payee: 2 }], 6n);
      expect(debits).toMatchObject([{ payer: bytesOf(20, 1), amount: 20n }]);
      const shown = lines.map(({ providerId, payee, gross }) => [providerId[0], toHex(payee), gross]);
      expect(shown).toEqual([
        [0, toHex(BURNT.payee), 10n],
        [1, toHex(bytesOf(20, 1)), 5n],
        [2, toHex(bytesOf(20, 2)), 5n],
      ]);
    });

    it('does not take the fine of an abandoned reply from burnt fees', () => {
      const { lines } = build([reply, { ...reply, verdict: 'abandoned', fine: 7n }, reply], 1n);
      expect(lines.map(({ gross, fine }) => [gross, fine])).toEqual([
        [5n, 0n],
        [5n, 5n],
      ]);
    });

    it('adds the charge of an audit behind the fees before it', () => {
      const unjudged = { ...toFields({ ...reply, verdict: 'unjudged' }, 1), fineAtomic: 7n };
      let position = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
      const entries = [toFields(reply, 0), unjudged, ...[2, 3, 4].map((index) => toFields(reply, index))].map(
        (fields) => {
          const next = appendVerdict(nobleCrypto, position, fields);
          position = next.position;
          return next;
        },
      );
      const { lines } = buildSettlement(nobleCrypto, { ...toInput([reply]), position, entries });
      expect(lines.map(({ payee, gross }) => [toHex(payee), gross])).toEqual([
        [toHex(BURNT.payee), 10n],
        [toHex(bytesOf(20, 1)), 10n],
      ]);
    });
  });

  it('refuses uncollectable payers that owe nothing, are listed twice or out of order, or are debited', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const input = toInput([reply, { ...reply, payer: 2 }]);
    const [one, two, other] = [1, 2, 3].map((payer) => bytesOf(20, payer)) as [Uint8Array, Uint8Array, Uint8Array];
    for (const uncollectable of [[other], [one, one], [two, one]]) {
      expect(() => buildSettlement(nobleCrypto, { ...input, uncollectable })).toThrow(ProtocolError);
    }
    const settlement = buildSettlement(nobleCrypto, input);
    expect(() => encodeSettlement({ ...settlement, uncollectable: [one] })).toThrow(ProtocolError);
  });

  it('tallies verifiers by payee, for any verdict and any payer, without verifiers that have no payee', () => {
    fc.assert(
      fc.property(anyReplies, fc.boolean(), (replies, leavesOut) => {
        const input = toInput(replies);
        const uncollectable = leavesOut ? buildSettlement(nobleCrypto, input).debits.map(({ payer }) => payer) : [];
        const { tallies } = buildSettlement(nobleCrypto, { ...input, uncollectable });
        const credited = replies.flatMap((reply) => reply.credited ?? []).filter((payee) => payee !== 0);
        const lied = replies.flatMap((reply) => reply.refuted ?? []).filter((payee) => payee !== 0);
        expect(tallies.map(({ payee }) => payee[0])).toEqual([...new Set([...credited, ...lied])].sort());
        for (const { payee, credits, refuted } of tallies) {
          expect(credits).toBe(credited.filter((one) => one === payee[0]).length * tokensOf(payee[0] as number));
          expect(refuted).toBe(lied.filter((one) => one === payee[0]).length);
        }
      }),
      { seed: 92 },
    );
  });

  it('caps the credited tokens of a payee at the field size, and adds no tally for zero tokens', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const mark = (payee: number, tokens: number): VerifierMark => ({
      ...{ verifierId: bytesOf(32, payee), payee: bytesOf(20, payee), outcome: 'credited', tokens },
    });
    const most = 2 ** 32 - 1;
    const tally = (verifiers: readonly VerifierMark[]) => {
      const genesis = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
      const next = appendVerdict(nobleCrypto, genesis, { ...toFields(reply, 0), verifiers });
      const input = { ...toInput([reply]), position: next.position, entries: [next] };
      return buildSettlement(nobleCrypto, input).tallies;
    };
    expect(tally([mark(1, most), mark(1, 1), mark(2, 3), mark(3, 0)])).toEqual([
      { payee: bytesOf(20, 1), credits: most, refuted: 0 },
      { payee: bytesOf(20, 2), credits: 3, refuted: 0 },
    ]);
    // A doubted verifier is neither paid nor does it lose stake.
    const doubted: VerifierMark = { verifierId: bytesOf(32, 4), payee: bytesOf(20, 4), outcome: 'doubted' };
    expect(tally([mark(2, 3), doubted])).toEqual([{ payee: bytesOf(20, 2), credits: 3, refuted: 0 }]);
  });

  it('pays each shard of a cohort its own line, which sum to the fee, and debits the payer once', () => {
    const reply: Reply = { verdict: 'accept', fee: 100n, payer: 1, payee: 1, router: 2, ejects: false };
    const shards = [10, 12, 11].map((layers, i) => ({
      ...{ providerId: bytesOf(32, 3 - i), payee: bytesOf(20, 3 - i), layers },
      ...{ firstLayer: [0, 10, 22][i] as number, pricePer1kAtomic: [4n, 1n, 2n][i] as bigint },
    }));
    const genesis = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
    const first = appendVerdict(nobleCrypto, genesis, { ...toFields(reply, 0), shards });
    const second = appendVerdict(nobleCrypto, first.position, toFields({ ...reply, payee: 2, fee: 7n }, 1));
    const settlement = buildSettlement(nobleCrypto, {
      ...toInput([reply]),
      ...{ position: second.position, entries: [first, second] },
    });
    expect(settlement.debits).toMatchObject([{ payer: bytesOf(20, 1), amount: 107n }]);
    const parts = [29n, 14n + 7n, 57n];
    expect(settlement.lines).toEqual(
      parts.map((gross, i) => ({
        ...{ providerId: bytesOf(32, i + 1), payee: bytesOf(20, i + 1), router: bytesOf(20, 2), gross, fine: 0n },
        modelRoot: bytesOf(32, 0),
      })),
    );
    const meter = createGasMeter();
    for (const { entry } of [first, second]) meter.add(entry);
    const alone = createGasMeter();
    expect(meter.add(second.entry)).toBe(computeSettlementGas(settlement));
    expect(alone.add({ ...first.entry, shards: [] })).toBeLessThan(computeSettlementGas(settlement));
  });

  describe('of a cohort', () => {
    const accept: Reply = { verdict: 'accept', fee: 100n, payer: 1, payee: 3, router: 2, ejects: false };
    const shards = [5n, 3n, 2n].map((pricePer1kAtomic, firstLayer) => ({
      ...{ providerId: bytesOf(32, firstLayer + 1), payee: bytesOf(20, firstLayer + 1), firstLayer, layers: 1 },
      pricePer1kAtomic,
    }));
    const settle = (fields: readonly VerdictFields[], findTests: NonNullable<BatchInput['findTests']>) => {
      let position = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
      const meter = createGasMeter(findTests);
      let gas = 0;
      const entries = fields.map((one) => {
        const next = appendVerdict(nobleCrypto, position, one);
        position = next.position;
        gas = meter.add(next.entry);
        return next;
      });
      const settlement = buildSettlement(nobleCrypto, { ...toInput([accept]), position, entries, findTests });
      expect(gas).toBeGreaterThanOrEqual(computeSettlementGas(settlement));
      return settlement;
    };
    const owing = (byte: number) => (subject: Uint8Array) => ({
      ...INITIAL_TESTS,
      balance: { credit: 0, debtAtomic: subject.length === 32 && subject[0] === byte ? 40n : 0n },
    });

    it('burns the part of the shard that has a debt, and pays the others', () => {
      const { lines, debits } = settle([{ ...toFields(accept, 0), shards }], owing(2));
      expect(debits.map(({ amount }) => amount)).toEqual([100n]);
      expect(lines.map(({ payee, gross }) => [toHex(payee), gross])).toEqual([
        [toHex(BURNT.payee), 30n],
        [toHex(bytesOf(20, 1)), 50n],
        [toHex(bytesOf(20, 3)), 20n],
      ]);
    });

    it('ejects the culprit of a reject, refunds the payer, and pays the other replies of honest shards', () => {
      const reject = { ...toFields({ ...accept, verdict: 'reject', ejects: true }, 0), shards, culprit: 1 };
      // A reply that the culprit leads is void. A reply that it had a part in is paid, and its part is held.
      const led = toFields({ ...accept, payee: 2 }, 1);
      const settlement = settle([reject, led, { ...toFields(accept, 2), shards }], () => INITIAL_TESTS);
      expect(settlement.ejections).toEqual([bytesOf(32, 2)]);
      expect(settlement.debits.map(({ amount }) => amount)).toEqual([100n]);
      expect(settlement.lines.map(({ providerId, gross }) => [providerId[0], gross])).toEqual([
        [1, 50n],
        [2, 30n],
        [3, 20n],
      ]);
    });
  });

  it('nets a provider by model if makers have a share, and without models otherwise', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const unbilled: Reply = { ...reply, verdict: 'unjudged' };
    const input = toInput([reply, { ...reply, fee: 7n }, unbilled, { ...reply, fee: 9n }]);
    expect(buildSettlement(nobleCrypto, input).lines).toMatchObject([{ gross: 21n, modelRoot: bytesOf(32, 0) }]);
    const [one, other] = [bytesOf(32, 1), bytesOf(32, 2)];
    const modelRoots = [other, one, undefined, other];
    const named = buildSettlement(nobleCrypto, { ...input, modelRoots });
    expect(named.lines).toMatchObject([
      { gross: 7n, modelRoot: one },
      { gross: 14n, modelRoot: other },
    ]);
    expect(named.debits).toEqual(buildSettlement(nobleCrypto, input).debits);
    expect([areModelsNamed(named), areModelsNamed(buildSettlement(nobleCrypto, input))]).toEqual([true, false]);
    expect(areModelsNamed({ lines: [] })).toBe(undefined);
    expect(parseSettlement(encodeSettlement(named))).toEqual(named);
    const meter = createGasMeter();
    for (const [i, { entry }] of input.entries.entries()) meter.add(entry, modelRoots[i]);
    expect(meter.add(input.entries[3]!.entry, other)).toBe(computeSettlementGas(named));
    // Every paid entry has a model, and no batch names models on only some lines.
    for (const roots of [
      [other, one, one],
      [other, undefined, one, one],
      [other, bytesOf(32, 0), one, one],
    ]) {
      expect(() => buildSettlement(nobleCrypto, { ...input, modelRoots: roots })).toThrow('has no model');
    }
    const [first, second] = named.lines as [Line, Line];
    const mixed = [{ ...second, modelRoot: bytesOf(32, 0) }, first];
    expect(() => encodeSettlement({ ...named, lines: mixed })).toThrow('lines name all models, or none');
    expect(() => encodeSettlement({ ...named, lines: [second, first] })).toThrow(ProtocolError);
  });

  it('owes nothing for rejected and abandoned replies', () => {
    const reply = { fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const settlement = buildSettlement(
      nobleCrypto,
      toInput([
        { ...reply, verdict: 'reject' },
        { ...reply, verdict: 'abandoned', fine: 3n },
      ]),
    );
    expect(settlement).toMatchObject({ debits: [], lines: [], batch: { replies: 0, logLength: 2n } });
  });

  it('owes nothing to a provider that exact evidence ejects in the same run, and pays the others', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const proof: Reply = { ...reply, verdict: 'reject', fee: 0n, ejects: true };
    const other: Reply = { ...reply, payee: 2, payer: 2 };
    for (const run of [
      [reply, reply, other, proof],
      [proof, other, reply],
    ]) {
      expect(buildSettlement(nobleCrypto, toInput(run))).toMatchObject({
        debits: [{ payer: bytesOf(20, 2), amount: 5n }],
        lines: [{ providerId: bytesOf(32, 2), gross: 5n }],
        ejections: [bytesOf(32, 1)],
        batch: { replies: 1 },
      });
    }
  });

  it('owes nothing for replies decided within a day of exact evidence, and pays for later ones', () => {
    const provenMs = 1_000;
    const findTests = ([key]: Uint8Array) => ({ ...INITIAL_TESTS, provenMs: key === 1 ? provenMs : 0 });
    const at = (timeMs: number, payee = 1): Reply => ({
      ...{ verdict: 'accept', fee: 5n, payer: 1, payee, router: 1, ejects: false },
      timeMs,
    });
    const sumOf = (reply: Reply): bigint =>
      sum(buildSettlement(nobleCrypto, { ...toInput([reply]), findTests }).debits.map(({ amount }) => amount));
    expect([at(1_001), at(provenMs + 86_400_000), at(1)].map(sumOf)).toEqual([0n, 0n, 0n]);
    expect([at(provenMs + 86_400_001), at(1_001, 2)].map(sumOf)).toEqual([5n, 5n]);
  });

  it('counts a silent half hour as a refuted report once all free ones of the day are used, in this log or run', () => {
    const silentAt = (...halfHours: readonly number[]) =>
      toInput([
        { ...{ verdict: 'unjudged', fee: 0n, payer: 1, payee: 1, router: 1, ejects: false }, silentAt: halfHours },
        { ...{ verdict: 'accept', fee: 0n, payer: 1, payee: 1, router: 1, ejects: false }, credited: [8] },
      ]);
    const tally = (input: BatchInput, bits: number) => {
      const findTests = () => ({ ...INITIAL_TESTS, silence: { newest: 1_000, bits } });
      return buildSettlement(nobleCrypto, { ...input, findTests }).tallies.map(({ credits, refuted }) => [
        credits,
        refuted,
      ]);
    };
    const good = [tokensOf(8), 0];
    expect(tally(silentAt(1_001, 1_001, 1_002), 0b11)).toEqual([good]);
    expect(tally(silentAt(1_001, 1_001, 1_002), 0b111)).toEqual([good, [0, 1]]);
    expect(tally(silentAt(1_000, 1_001, 1_002, 1_003), 0b1111)).toEqual([good, [0, 3]]);
    expect(tally(silentAt(1_001, 1_002, 1_003, 1_004, 1_005), 0)).toEqual([good, [0, 1]]);
  });

  it('draws under the newest voucher, and not without one that covers it', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    expect(buildSettlement(nobleCrypto, toInput([reply], 10n)).debits[0]).toMatchObject({
      cumulative: 10n,
      amount: 5n,
    });
    expect(() => buildSettlement(nobleCrypto, toInput([reply], 4n))).toThrow(ProtocolError);
    expect(() => buildSettlement(nobleCrypto, { ...toInput([reply]), vouchers: [] })).toThrow(ProtocolError);
  });

  it('commits to every paid entry by its root', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const input = toInput([
      reply,
      { ...reply, verdict: 'reject', payee: 2 },
      { ...reply, verdict: 'unaudited', fee: 0n },
    ]);
    const { batch } = buildSettlement(nobleCrypto, input);
    const leaves = [0, 2].map((index) => hashLeaf(nobleCrypto, input.entries[index]!.bytes));
    const proof = computeInclusionProof(nobleCrypto, leaves, 1);
    expect(
      verifyInclusion(nobleCrypto, { leaf: leaves[1]!, index: 1, size: batch.replies, proof, root: batch.recordsRoot }),
    ).toBe(true);
    expect(input.entries[2]!.entry.verdict).toBe('unaudited');
  });

  it('has one encoding', () => {
    checkCodec(
      fc.tuple(anyReplies, fc.subarray([0, 1, 2, 3])).map(([replies, chosen]) => {
        const input = toInput(replies);
        const owing = buildSettlement(nobleCrypto, input).debits.map(({ payer }) => payer);
        const uncollectable = owing.filter(([payer]) => chosen.includes(payer as number));
        return buildSettlement(nobleCrypto, { ...input, uncollectable });
      }),
      encodeSettlement,
      parseSettlement,
    );
  });

  it('refuses to encode a batch that does not balance, is unsorted, or is too large for a transaction', () => {
    const reply: Reply = { verdict: 'accept', fee: 5n, payer: 1, payee: 1, router: 1, ejects: false };
    const settlement = buildSettlement(nobleCrypto, toInput([reply, { ...reply, payee: 2, payer: 2 }]));
    const [first, second] = settlement.lines;
    for (const lines of [
      [first!],
      [second!, first!],
      [{ ...first!, gross: 6n }, second!],
      [{ ...first!, fine: 6n }, second!],
    ]) {
      expect(() => encodeSettlement({ ...settlement, lines })).toThrow(ProtocolError);
    }
    const addresses = Array.from({ length: MAX_BATCH_ENTRIES + 1 }, (_, i) => {
      const id = new Uint8Array(20);
      new DataView(id.buffer).setUint32(0, i + 1);
      return id;
    });
    const most = { ...settlement, debits: [], lines: [], uncollectable: addresses.slice(1) };
    expect(parseSettlement(encodeSettlement(most)).uncollectable.length).toBe(MAX_BATCH_ENTRIES);
    expect(() => encodeSettlement({ ...most, uncollectable: addresses })).toThrow(ProtocolError);
  });

  it('takes its vouchers from orders, with the hash that the contract computes', () => {
    const [vector] = vectors.orders;
    const { terms } = vector!;
    const order: Order = {
      payer: unprefixed(vector!.payer),
      validator: unprefixed(vector!.validator),
      cumulativeAtomic: BigInt(vector!.cumulative),
      requestHash: unprefixed(terms.requestHash),
      nonce: unprefixed(terms.nonce),
      modelRoot: unprefixed(terms.modelRoot),
      providerId: unprefixed(terms.providerId),
      payee: unprefixed(terms.payee),
      router: unprefixed(terms.router),
      choice: terms.choice,
      contextSize: terms.contextSize,
      maxFeeAtomic: BigInt(terms.maxFee),
      pricePer1kAtomic: BigInt(terms.pricePer1k),
      epoch: BigInt(terms.epoch),
      expiresAtMs: BigInt(terms.expiresAt),
    };
    const voucher = createVoucher(nobleCrypto, order, unprefixed(vector!.signature));
    expect(`0x${toHex(voucher.termsHash)}`).toBe(vector!.termsHash);
    expect(voucher.cumulative).toBe(order.cumulativeAtomic);
  });
});
