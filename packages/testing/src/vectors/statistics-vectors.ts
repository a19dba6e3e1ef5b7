import { planAudits } from '@ogong/protocol/audit/audit-plan';
import { computeAuditRate } from '@ogong/protocol/audit/audit-rate';
import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { advancePayeeTest, computePayeeEvidence, INITIAL_PAYEE_TEST } from '@ogong/protocol/audit/payee-test';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeExp, computeLog } from '@ogong/protocol/base/elementary';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { computeBelievedCapacity } from '@ogong/protocol/exchange/believed-capacity';
import { computeReputationPpm } from '@ogong/protocol/exchange/reputation';
import { decodeDraws, decodeSketch, encodeDraws, encodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import type { DriftRow, DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { buildDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { encodeDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { evaluateLikelihood } from '@ogong/protocol/modality/text/drift/likelihood';
import { findStratum, type Stratum } from '@ogong/protocol/modality/text/drift/strata';
import { PLAIN_SAMPLER, type SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { compareWindows } from '@ogong/protocol/modality/text/stage2/compare';
import { createDrawMeter, type DrawMargin } from '@ogong/protocol/modality/text/stage2/draw-margin';
import {
  computeReplyEvidence,
  getSurprise,
  type ReplyEvidence,
} from '@ogong/protocol/modality/text/stage2/reply-scores';
import { calibrateRank } from '@ogong/protocol/statistics/e-value';
import { computeRank } from '@ogong/protocol/statistics/rank-calibration';
import { createSyntheticEvidence } from '../synthetic/synthetic-evidence.ts';
import { createSyntheticReply } from '../synthetic/synthetic-reply.ts';

/**
 * Vectors of the statistics that co-signers compute from a comparison (docs/spec/statistics.md, drift-table.md,
 * sequential-test.md). Doubles are JSON numbers in their shortest form, which restores the same bits.
 */
export function createStatisticsVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const table = createTable();
  const row = table.rows[0] as DriftRow;
  return {
    statistics: {
      elementary: [2 ** -1074, 1e-300, 0.1, 0.5, 1, Math.SQRT2, 3, 1e10, 1.7e308].map((x) => ({
        x,
        log: computeLog(x),
        expOfMinusLog: computeExp(-computeLog(x)),
      })),
      margins: marginVectors(),
      scores: scoreVectors(crypto),
      likelihood: replies(99, 6).map((evidence, i) => {
        const far = i % 2 === 0 ? evidence : { ...evidence, scores: evidence.scores.map((value) => value + 1) };
        const { statistic, posteriors } = evaluateLikelihood(row.likelihood, far);
        const { calibration } = findStratum(row.strata, getSurprise(far));
        const { replies } = calibration;
        const rank = computeRank(calibration, statistic);
        const pValue = rank / (replies + 1);
        return { ...plain(far), statistic, posteriors, rank, pValue, eValue: calibrateRank(rank, replies) };
      }),
      payeeTest: payeeVectors(),
      auditPlan: planVectors(),
    },
    'audit-rate': { rates: auditRates(), bounds: feeBounds() },
    reputation: { reputations: reputations(), capacities: capacities() },
    'drift-table': { ...nameTable(crypto, table), distances: nameTable(crypto, createDistances()) },
  };
}

function reputations(): readonly unknown[] {
  const entrance = 10n ** 16n;
  const cases = [
    { name: 'a new key', heldAtomic: 0n, fees: [], failures: 0 },
    { name: 'what it holds', heldAtomic: 98n * entrance, fees: [entrance], failures: 0 },
    { name: 'a failure weighs the entrance at least', heldAtomic: entrance, fees: [1n], failures: 1 },
    {
      name: 'and else the mean of its fees by value',
      heldAtomic: entrance,
      fees: [5n * entrance, 1n, 1n],
      failures: 1,
    },
    { name: 'small replies', heldAtomic: 1_000n, fees: Array<bigint>(1_000).fill(1n), failures: 10 },
    { name: 'no entrance', heldAtomic: 10n ** 15n, fees: [], failures: 1, entranceAtomic: 0n },
  ];
  return cases.map(({ name, heldAtomic, fees, failures, entranceAtomic = entrance }) => {
    const paidAtomic = fees.reduce((sum, fee) => sum + fee, 0n);
    const paidSquares = fees.reduce((sum, fee) => sum + fee * fee, 0n);
    const amounts = { heldAtomic, paidAtomic, paidSquares, entranceAtomic };
    const texts = Object.fromEntries(Object.entries(amounts).map(([key, value]) => [key, String(value)]));
    const ppm = computeReputationPpm({ ...amounts, failures, ejected: false }, entranceAtomic);
    return { name, ...texts, failures, ppm };
  });
}

function capacities(): readonly unknown[] {
  const cases = [
    { capacity: 100, own: 0, others: [] },
    { capacity: 100, own: 3, others: [] },
    { capacity: 8, own: 0, others: [9] },
    { capacity: 8, own: 0, others: [9, 9] },
    { capacity: 8, own: 1, others: [2, 2, 0] },
  ];
  return cases.map(({ capacity, ...refused }) => ({
    ...{ capacity, ...refused },
    believed: computeBelievedCapacity(capacity, refused),
  }));
}

function feeBounds(): readonly unknown[] {
  const entrance = 10n ** 16n;
  const cases = [
    { name: 'a new key: the entrance', heldAtomic: 0n, entranceAtomic: entrance },
    { name: 'twice what it holds on top', heldAtomic: 3n * entrance, entranceAtomic: entrance },
    { name: 'atomic units', heldAtomic: 7n, entranceAtomic: 1n },
    { name: 'half of what it holds on top', heldAtomic: 3n * entrance, entranceAtomic: entrance, growthPpm: 500_000 },
    { name: 'a growth in millionths, rounded down', heldAtomic: 1_999_999n, entranceAtomic: 1n, growthPpm: 1 },
    { name: 'no entrance, no bound', heldAtomic: 0n, entranceAtomic: 0n },
    { name: 'no entrance, no bound, whatever is held', heldAtomic: entrance, entranceAtomic: 0n },
  ];
  return cases.map(({ name, heldAtomic, entranceAtomic, growthPpm = 2_000_000 }) => ({
    ...{ name, heldAtomic: String(heldAtomic), entranceAtomic: String(entranceAtomic), growthPpm },
    boundAtomic: computeFeeBound({ entranceAtomic, growthPpm }, heldAtomic)?.toString() ?? null,
  }));
}

function auditRates(): readonly unknown[] {
  const fee = 10n ** 15n;
  const usual = { feeAtomic: fee, heldAtomic: 72n * fee, soundnessPpm: 690_000, basePpm: 10_000 };
  const cases = [
    { name: 'a new provider is always audited', ...usual, heldAtomic: 0n },
    { name: '28 fees held: five in a hundred', ...usual, heldAtomic: 28n * fee },
    { name: '72 fees held: two in a hundred', ...usual },
    { name: 'no less than the base', ...usual, heldAtomic: 10n ** 20n, basePpm: 50_000 },
    { name: 'a free reply gains nothing', ...usual, feeAtomic: 0n, heldAtomic: 0n, basePpm: 50_000 },
    { name: 'a large fee of a provider with history', ...usual, feeAtomic: 1_000n * fee },
    { name: 'rounded up', feeAtomic: 1n, heldAtomic: 2n, soundnessPpm: 1_000_000, basePpm: 0 },
    { name: 'full coverage, where even that does not deter', ...usual, heldAtomic: fee / 10n, soundnessPpm: 500_000 },
  ];
  return cases.map((given) => ({
    ...given,
    ...{ feeAtomic: String(given.feeAtomic), heldAtomic: String(given.heldAtomic) },
    ratePpm: computeAuditRate(given),
  }));
}

function replies(seed: number, count: number): ReplyEvidence[] {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => createSyntheticEvidence(random, { positions: 96 }));
}

/** A table of one row with two alternatives, for the likelihood vectors. */
const nameTable = (crypto: Crypto, table: DriftTable) => {
  const bytes = encodeDriftTable(table);
  return { hex: toHex(bytes), hash: toHex(crypto.sha256(bytes)) };
};

/** A table of distances alone. */
function createDistances(): DriftTable {
  const row = {
    modelRoot: new Uint8Array(32).fill(0xef),
    ...{ providerClass: 'synthetic/1', codeVersion: '0.1.0', replies: 60 },
    largest: [
      { name: 'guidance', value: 196_608 },
      { name: 'output', value: 7e-6 },
      { name: 'pixels', value: 0 },
      { name: 'size', value: 3_072 },
    ],
  };
  const distances = ['synthetic/2', 'synthetic/3'].map((verifierClass) => ({ ...row, verifierClass }));
  return { version: 1, previous: new Uint8Array(32), families: [], rows: [], distances };
}

function createTable(): DriftTable {
  const honest = replies(7, 300).map((evidence, seed) => ({ seed, evidence }));
  const { table } = buildDriftTable({
    version: 3,
    previous: new Uint8Array(32).fill(0xab),
    families: [{ numericClass: 'synthetic/1b', family: 'family:synthetic' }],
    measurements: [
      {
        providerClass: 'synthetic/1',
        verifierClass: 'synthetic/2',
        modelRoot: new Uint8Array(32).fill(0xcd),
        codeVersion: '0.1.0',
        honest,
        alternatives: [],
      },
    ],
  });
  const rows = table.rows.map((row) => ({
    ...row,
    likelihood: {
      ...row.likelihood,
      alternatives: row.likelihood.alternatives.slice(1, 3).map((alternative) => ({ ...alternative, weight: 0.5 })),
    },
    strata: splitStrata(row),
    power: [{ name: 'q4_0', replies: 40, caught: [40, 39, 12, 0] }],
  }));
  return { ...table, rows };
}

/** Splits a stratum into two, to show which of them ranks a reply. Less likely text lies farther and has a tail. */
function splitStrata({ strata }: DriftRow): Stratum[] {
  const { surprise, calibration } = strata[0] as Stratum;
  const steps = calibration.steps.map(({ value, count }) => ({ value: value + 1, count }));
  const tail = { threshold: -2, share: 0.1, exceedances: 50, shape: 0.125, scale: 0.75 };
  return [
    { surprise: 1.75, calibration, tail: undefined },
    { surprise, calibration: { ...calibration, steps }, tail },
  ];
}

const plain = ({ positions, scores, draws, values, windows }: ReplyEvidence): object => ({
  positions,
  scores: [...scores],
  windows: [...windows],
  matches: [...draws.matches],
  mismatches: [...draws.mismatches],
  gaps: [...draws.gaps],
  values: [...values],
});

function marginVectors(): unknown {
  const random = createSeededRandom(41);
  return Array.from({ length: 40 }, (_, i) => {
    const count = 4 + Math.floor(random() * 8);
    const ids = Array.from({ length: count }, (_unused, j) => (j * 7919 + i) % 32000);
    const costs = Array.from({ length: count }, () => Math.floor(random() * 4 * 65536)).sort((a, b) => a - b);
    const settings: SamplerSettings = {
      ...PLAIN_SAMPLER,
      temperatureQ16: i % 8 === 0 ? 0 : 65536,
      topK: i % 5 === 0 ? 3 : 0,
      topPQ24: i % 2 === 0 ? 2 ** 24 : Math.floor((0.5 + random() / 2) * 2 ** 24),
      minPQ24: i % 3 === 0 ? Math.floor(random() * 2 ** 23) : 0,
      filterOrder: ['top-k', 'top-p', 'min-p'],
    };
    const position = { u: Math.floor(random() * 2 ** 24), token: i % 9 === 0 ? 31999 : (ids[i % count] as number) };
    const tail = settings.temperatureQ16 === 0 ? 0 : Math.floor(random() * 2 ** 20);
    const out: DrawMargin = { matches: false, margin: 0, gap: 0 };
    const tokenCost = ids.includes(position.token) ? undefined : (costs.at(-1) as number) + 9000;
    const given = { ids: Uint32Array.from(ids), costs: Float64Array.from(costs), tail, ...position, tokenCost };
    createDrawMeter(settings).measure(given, out);
    return { ids, costs, tail, settings, ...position, tokenCost, ...out };
  });
}

/** A reply like the first one of `vectors/reply.json`, and a re-run with changed costs and sketches. */
function scoreVectors(crypto: Crypto): unknown {
  const { header, opening } = createSyntheticReply({
    crypto,
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
    ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
    tokens: 40,
  });
  const random = createSeededRandom(12);
  const moved = (by: number): number => Math.round((random() * 2 - 1) * by);
  const rerun = opening.windows.map((window): WindowBytes => {
    const { rows, runs } = decodeDraws(window.draws, header);
    const draws = rows.map((row) => ({
      ...row,
      tail: row.tail + 500,
      q: row.q.map((q) => Math.max(0, q + moved(900))),
    }));
    const sketch = decodeSketch(window.sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
      exponent,
      values: values.map((value) => Math.max(-2047, Math.min(2047, value + moved(20)))),
    }));
    return { draws: encodeDraws({ rows: draws, runs }, header), sketch: encodeSketch(sketch) };
  });
  const hex = (windows: readonly WindowBytes[]): unknown =>
    windows.map(({ draws, sketch }) => ({ draws: toHex(draws), sketch: toHex(sketch) }));
  return {
    header: toHex(opening.header),
    claimed: hex(opening.windows),
    rerun: hex(rerun),
    ...plain(computeReplyEvidence(compareWindows(crypto, header, opening.windows, rerun))),
  };
}

function payeeVectors(): unknown {
  let state = INITIAL_PAYEE_TEST;
  return [0.5, 1, 20.75, 0.625, 3, 45].map((eValue) => {
    state = advancePayeeTest(state, { eValue, isReject: eValue > 10 }, 0.001);
    return { eValue, ...state, m: computePayeeEvidence(state) };
  });
}

function planVectors(): unknown {
  const ordinary = { tokens: 200, feeAtomic: 1000n, model: 'ab', speed: 50, payeeAudits: 100, payeeEvidence: 0.25 };
  const crowd = [46, 48, 50, 52, 54].map((speed) => ({ ...ordinary, speed }));
  const odd = [{ speed: 200 }, { payeeAudits: 3 }, { feeAtomic: 7000n }, { payeeEvidence: 12 }, { testedZ: 8 }];
  const audited = [...crowd, ...odd.map((change) => ({ ...ordinary, ...change }))];
  return [500, 2000, 100_000].map((tokens) => ({
    basePpm: 50_000,
    tokens,
    replies: audited.map((reply) => ({ ...reply, feeAtomic: Number(reply.feeAtomic) })),
    plan: planAudits(audited, { basePpm: 50_000, tokens }),
  }));
}
