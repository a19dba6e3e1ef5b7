import type { AttackRow, CatchRate, ComparedPair, DetectionResults, HonestRow, Quantiles, Share } from './results.ts';

/** Made-up results with the shape of real ones: two weight types, several pairs, attacks from obvious to hidden. */
export function createSyntheticResults(): DetectionResults {
  return {
    version: 5,
    profile: 'quick',
    seed: 7,
    command: 'npm run detect -- --profile quick',
    code: 'abc1234',
    engine: 'llama.cpp 0.0.0',
    machine: '2 cores of nothing',
    day: '2030-01-02',
    elapsedS: 301.25,
    honest: PAIRS.map(createHonest),
    attacks: PAIRS.flatMap((pair) => ATTACKS.map((attack, i) => createAttack(pair, attack, i))),
    otherPairs: OTHER_PAIRS.flatMap((pair) => ATTACKS.slice(0, 4).map((attack, i) => createAttack(pair, attack, i))),
    stage1: [{ source: 'f16, cpu-fast, batch 4', tokens: 123_456, replies: 965, mismatches: 0, usPerToken: 4.5 }],
    equality: [{ backend: 'cpu', weights: 'q8_0', variant: 'batch 8, prefix cache', tokens: 100_352, differing: 0 }],
    ejection: [{ test: 'e-process', lifetimes: 1000, replies: 1000, beta: 1e-6, ejected: share(0, 1000) }],
    auditTells: [
      {
        ...{ audited: 0.5, question: 'honeypot or job', view: 'every verifier for itself' },
        ...{ positives: 120, negatives: 130, auc: { mean: 0.51, low: 0.44, high: 0.58 } },
      },
    ],
    classClaims: [
      {
        claim: 'q8_0 inexact',
        ...{ weights: 'f16', claimed: 'cpu-fast', verifier: 'cpu-fast', attack: 'q8_0' },
        lying: share(0.997, 300),
        tokensToDecide: { median: 96, p90: undefined },
        fallbackPasses: share(0.9, 1200),
      },
    ],
    ladder: [
      {
        ...{ weights: 'q5_k_m', provider: 'cpu-exact', verifier: 'cpu-fast', attack: 'weights-q5-0' },
        replies: 16,
        equality: { differ: share(1, 16), medianToken: 0, lastToken: 0 },
        ...{ sketch: 0.05, honestWindows: 80, farthestHonest: 0.01 },
        beyondHonest: share(1, 64),
        fallbackPasses: share(0.9, 64),
        rejected: share(0.5, 16),
      },
    ],
    otherModels: [
      {
        ...{ weights: 'f16', provider: 'cpu-fast', verifier: 'vulkan' },
        ...{ model: 'deeper', measuredOn: 'stories15M', rejected: share(0.75, 20) },
      },
    ],
    verifiers: [
      {
        setting: 'one, every reply audited',
        strategy: 'always accepts',
        what: 'sends back what it was given',
        excluded: share(1, 10),
        jobs: { mean: 21, low: 14, high: 30 },
        honestRejected: share(0, 1000),
        honestLost: 0,
        cheatsPaid: share(0.002, 1000),
      },
      {
        setting: 'one, every reply audited',
        strategy: 'votes honestly',
        what: 'does the work',
        excluded: share(0, 10),
        jobs: { mean: 300, low: 300, high: 300 },
        honestRejected: share(0, 1000),
        honestLost: 0,
        cheatsPaid: { value: 0, low: 0, high: 1, of: 0 },
      },
    ],
    aims: [
      { aim: 'no honest mismatch', measured: '0 of 123,456 tokens', outcome: 'met', note: '' },
      {
        aim: 'noise 1e-3 in q8_0 within 1,000 tokens',
        measured: '1,240 tokens',
        outcome: 'missed',
        note: 'Drift hides it.',
      },
    ],
    notCaught: [
      { attack: 'noise 1e-3', why: 'passes for 1,240 tokens' },
      { attack: 'best of 4 | nonce', why: 'by design' },
      { attack: 'noise 1e-2', why: 'passes for 1,240 tokens' },
    ],
  };
}

const PAIRS: readonly ComparedPair[] = [
  { weights: 'f16', provider: 'cpu-fast', verifier: 'cpu-reference' },
  { weights: 'f16', provider: 'cpu-fast', verifier: 'vulkan' },
  { weights: 'f16', provider: 'vulkan', verifier: 'cpu-fast' },
  { weights: 'q8_0', provider: 'cpu-fast', verifier: 'vulkan' },
  { weights: 'q8_0', provider: 'vulkan', verifier: 'cpu-fast' },
];

const OTHER_PAIRS: readonly ComparedPair[] = ['f16', 'q8_0'].map((weights) => {
  return { weights, provider: 'cpu-fast', verifier: 'cpu-scalar' };
});

/** Family, name, strength: how far the attack's values lie from honest ones, in units of honest spread. */
const ATTACKS: readonly (readonly [family: string, name: string, strength: number])[] = [
  ['weights', 'q8_0 weights', 12],
  ['weights', 'q5_k_m weights', 26],
  ['weights', 'q4_0 weights', 40],
  ['weights', 'noise 1e-3', 2.2],
  ['weights', 'noise 1e-2', 12],
  ['weights', 'kv cache q8_0', 3.6],
  ['weights', 'layer skipped', 90],
  ['weights', 'prompt halved', 34],
  ['sampling', 'prefill from q8_0', 0.4],
  ['sampling', 'massaged draws, q8_0', 1.2],
  ['sampling', 'massaged draws, noise 1e-3', 0.7],
  ['sampling', 'best of 4 | nonce', 0],
];

function createHonest(pair: ComparedPair, index: number): HonestRow {
  const size = driftOf(pair) * (1 + index / 10);
  const scores = { kolmogorov: quantiles(0.05), tail: quantiles(0.01), drawGap: quantiles(size / 20) };
  return {
    ...pair,
    model: 'stories15M',
    replies: 160,
    tokens: 20_480,
    identical: 0,
    scores: { sketch: quantiles(size), logprob: quantiles(size * 2.7), ...scores },
    ownDrawMismatch: share(0.0041, 20_480),
    coherence: quantiles(3.2),
    inflation: { sketch: 23.7, logprob: 11.2 },
    fallbackRejects: share(0, 640),
    checkCost: 0.2,
  };
}

const driftOf = ({ weights, verifier }: ComparedPair): number =>
  weights === 'f16' ? (verifier === 'vulkan' ? 0.008 : 0.0012) : 0.021;

const quantiles = (median: number): Quantiles => ({
  median,
  p99: median * 1.4,
  p99High: median * 1.7,
  max: median * 1.9,
});

function createAttack(
  pair: ComparedPair,
  [family, attack, strength]: (typeof ATTACKS)[number],
  index: number,
): AttackRow {
  const effect = strength * (pair.weights === 'f16' ? 1 : 0.35) * (1 - index / 200);
  const isPrefill = attack.startsWith('prefill');
  const hides = family === 'sampling' && !isPrefill;
  const rateAt = (falseRejectRate: number): number => normal(effect - quantile(1 - falseRejectRate));
  const caught = (falseRejectRate: number, gain: number): CatchRate => ({
    falseRejectRate,
    caught: share(Math.min(1, rateAt(falseRejectRate) * gain), 288),
    extrapolated: falseRejectRate < 1e-3,
  });
  const perToken = effect ** 2 / 60;
  const tokens = 13.8 / perToken;
  return {
    ...pair,
    attack,
    family,
    aim: '',
    replies: 72,
    tokens: 9216,
    stage1: share(isPrefill ? 1 : 0, 72),
    refutedAt: [0, 3],
    stage1Full: share(isPrefill ? 1 : 0, 60),
    equality: hides ? undefined : { differ: share(1, 72), medianToken: 1, lastToken: 4 },
    vulkan: undefined,
    auc: share(normal(effect / Math.SQRT2), 288),
    medians: {
      sketch: driftOf(pair) * (1 + effect / 3),
      logprob: driftOf(pair) * 2.7 * (1 + effect / 4),
      coherence: 3 + effect,
    },
    perWindow: [caught(1e-3, 1), caught(1e-4, 1)],
    perReply: [caught(1e-3, 1.2), caught(1e-4, 1.2)],
    tokensToDecide: tokens < 5000 ? { median: Math.max(1, tokens), p90: Math.max(2, tokens * 1.8) } : undefined,
    repliesToDecide: tokens < 5000 ? { median: Math.ceil(tokens / 128), p90: Math.ceil(tokens / 70) } : undefined,
    fallbackPasses: share(strength > 20 ? 0 : 0.98, 288),
    checkCost: isPrefill ? undefined : 0.25,
    caughtBy: isPrefill ? { 'draw-replay': 72 } : { likelihood: 71, nothing: 1 },
    named: share(0.97, 71),
    evidence: Array.from({ length: 40 }, (_, i) => [i * 128, i * 128 * perToken * (1 - 0.2 * Math.sin(i))] as const),
  };
}

/** With the interval of Wilson. */
function share(value: number, of: number): Share {
  const z = 1.96;
  const middle = (value + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z * Math.sqrt((value * (1 - value)) / of + z ** 2 / (4 * of ** 2))) / (1 + z ** 2 / of);
  return { value, low: Math.max(0, middle - half), high: Math.min(1, middle + half), of };
}

/** The normal distribution by a logistic curve: good enough for a picture. */
const normal = (x: number): number => 1 / (1 + Math.exp(-1.702 * x));
const quantile = (p: number): number => Math.log(p / (1 - p)) / 1.702;
