import { describe, expect, it } from 'vitest';
import {
  type AimRow,
  type AttackRow,
  type ClassClaimRow,
  type DetectionResults,
  type Difference,
  type EjectionRow,
  UNLISTED,
} from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { judgeAims } from './aims.ts';

const results: DetectionResults = { ...createSyntheticResults(), profile: 'full' };
const share = { value: 1, low: 0.6, high: 1, of: 8 };
const early: Difference = { differ: share, medianToken: 0, lastToken: 3 };
const withAttacks = (...attacks: Partial<AttackRow>[]): DetectionResults => ({
  ...results,
  attacks: attacks.map((change) => ({ ...(results.attacks[0] as AttackRow), ...change })),
});
const find = (given: DetectionResults, aim: RegExp): AimRow => {
  const [row, ...others] = judgeAims(given).filter((each) => aim.test(each.aim));
  expect(others).toEqual([]);
  return row as AimRow;
};

describe.each([
  ['CPU', 'equality'],
  ['Vulkan', 'vulkan'],
] as const)('the aim of early differences on %s', (backend, field) => {
  const aim = new RegExp(`${backend}: every weight, KV and prompt cheat`);
  const weights = { family: 'weights', attack: 'weights-q4-0', [field]: early };
  const judge = (...attacks: Partial<AttackRow>[]): AimRow => find(withAttacks(...attacks), aim);

  it('is met if every attack differs within four tokens', () => {
    expect(judge(weights, { ...weights, attack: 'hidden-system-prompt', family: 'sampling' })).toMatchObject({
      measured: '2 of 2 attacks do, 16 replies',
      outcome: 'met',
    });
  });

  it('is missed if one attack differs late, if one reply is equal, or if nothing was measured', () => {
    const late = judge(weights, { ...weights, attack: 'kv-q8-0', weights: 'f16', [field]: { ...early, lastToken: 4 } });
    expect(late).toMatchObject({ outcome: 'missed', note: 'kv-q8-0 as f16: at the latest at 4' });
    expect(judge(weights).note).toContain('no KV cheat');
    expect(judge({ ...weights, [field]: { ...early, differ: { ...share, value: 0.9 } } }).outcome).toBe('missed');
    expect(judge({ ...weights, [field]: undefined })).toMatchObject({ outcome: 'undecided', measured: 'not measured' });
  });

  it('leaves out attacks that compute as the sold model, at first or throughout', () => {
    const late = { [field]: { ...early, lastToken: 40 } };
    const others = [
      { ...weights, ...late, attack: 'sliding-window-128' },
      { ...weights, ...late, attack: 'greedy-as-sampled', family: 'sampling' },
    ];
    expect(judge(weights, ...others).outcome).toBe('met');
  });
});

it('an aim without measurements is neither met nor missed', () => {
  const nothing = {
    ...results,
    attacks: [],
    otherPairs: [],
    equality: [],
    stage1: [],
    ejection: [],
    classClaims: [],
    auditTells: [],
    conversations: [],
  };
  for (const { aim, outcome } of judgeAims(nothing)) expect([aim, outcome]).toEqual([aim, 'undecided']);
});

describe('the aim that no honest provider is ejected in a real run', () => {
  const row = (test: string, value: number) => {
    return { test, lifetimes: 2, replies: 600, beta: 1e-3, ejected: { ...share, value, of: 2 } };
  };
  const judge = (...ejection: EjectionRow[]): AimRow => find({ ...results, ejection }, /in any real run/);

  it('allows none, while up to a share beta of the redrawn lives may end', () => {
    const redrawn = { ...row('f16: per reply, calibrated', 5e-4), replies: 1_000_000 };
    const served = row('f16: per reply, calibrated, as served', 0);
    expect(judge(redrawn, served)).toMatchObject({ outcome: 'met', measured: 'none of 2 lives, 600 replies' });
    expect(find({ ...results, ejection: [redrawn, served] }, /at most beta/).outcome).toBe('missed');
    const ended = judge(redrawn, served, row('q8_0: per reply, calibrated, as served', 0.5));
    expect(ended).toMatchObject({ outcome: 'missed' });
    expect(ended.measured).toContain('q8_0');
  });

  it('is undecided if only redrawn lives were measured', () => {
    expect(judge(row('f16: per reply, calibrated', 0)).outcome).toBe('undecided');
  });
});

describe('the aim of a class that no row lists', () => {
  const aim = /of a class that no row of the table lists/;
  const [row] = results.classClaims as [ClassClaimRow];
  const judge = (...changes: Partial<ClassClaimRow>[]): AimRow =>
    find({ ...results, classClaims: changes.map((change) => ({ ...row, claimed: UNLISTED, ...change })) }, aim);
  const tokensToDecide = { median: 96, p90: undefined };

  it('is met if every cheat is decided in time', () => {
    expect(judge({ tokensToDecide })).toMatchObject({ outcome: 'met', note: '' });
    expect(judge({ tokensToDecide }, { tokensToDecide: { ...tokensToDecide, median: 1001 } })).toMatchObject({
      outcome: 'missed',
    });
    const missed = judge({ tokensToDecide }, { tokensToDecide: undefined, verifier: 'cpu-exact' });
    expect(missed.measured).toMatch(/96 tokens, .*; .*not decided, 99.7 % .*rejected \(cpu-exact\)/);
    expect(missed.note).toContain('no evidence');
  });

  it('leaves out classes that rows list', () => {
    expect(judge({ claimed: 'cpu-fast', tokensToDecide: undefined })).toMatchObject({
      measured: 'not measured',
      outcome: 'undecided',
    });
  });
});

describe('the aim of refuting every reply', () => {
  const aim = /every sampler cheat caught per full reply/;
  const [first] = results.attacks as [AttackRow, ...AttackRow[]];
  const all = { value: 1, low: 0.98, high: 1, of: 400 };
  const judge = (change: Partial<AttackRow>): AimRow =>
    find({ ...results, attacks: [{ ...first, attack: 'sampler-top-p', stage1Full: all, ...change }] }, aim);

  it('states a fit of how late wrong draws come if no reply escaped', () => {
    const refutedAt = Array.from({ length: 400 }, (_, i) => Math.floor(-8 * Math.log((i + 0.5) / 400)));
    const row = judge({ refutedAt });
    // The upper limit of the fit is above the aim.
    expect(row).toMatchObject({ outcome: 'undecided' });
    const [, point, limit] =
      /at token 53\. An extreme value fit .* at (\de-\d+), and at (\de-\d+) at most/.exec(row.note) ?? [];
    // The law that it was drawn from gives e^-16. The fit assumes an unbounded tail, so it errs on the safe side.
    expect(Number(point)).toBeGreaterThan(Math.exp(-16));
    expect(Number(point)).toBeLessThan(1e-4);
    expect(Number(limit)).toBeGreaterThan(Number(point));
  });

  it('states nothing for samples too small for a fit, and is missed if one reply escapes', () => {
    expect(judge({ refutedAt: [0, 1, 2] }).note).toBe('the interval is as wide as the sample is small');
    const missed = judge({ stage1Full: { ...all, value: 0.9975 } });
    expect(missed).toMatchObject({ outcome: 'missed' });
    expect(missed.note).toMatch(/^sampler-top-p as .*\. The passed replies equal the declared sampler’s own draws/);
  });
});

describe('the aim of equality on Vulkan', () => {
  const row = { backend: 'vulkan', weights: 'f16', variant: 'stories15M', tokens: 100_000, differing: 0 };
  const judge = (...equality: DetectionResults['equality'][number][]): AimRow =>
    find({ ...results, equality, conversations: [] }, /exact classes, Vulkan: honest distance 0/);

  it('counts one model, and mentions the measured replies of others', () => {
    expect(judge(row)).toMatchObject({ outcome: 'met', note: '' });
    const other = judge({ ...row, tokens: 512 }, { ...row, variant: 'random-tiny, any sampler' });
    expect(other).toMatchObject({ outcome: 'undecided', measured: '0 replies differ, 512 tokens' });
    expect(other.note).toMatch(/software device.*100000 of random-tiny/);
  });

  it('is missed by one differing reply of any model', () => {
    expect(judge(row, { ...row, variant: 'random-tiny', differing: 1 })).toMatchObject({ outcome: 'missed' });
  });
});

describe('the aims of other pairs of classes', () => {
  const [first] = results.attacks as [AttackRow, ...AttackRow[]];
  const of = (change: Partial<AttackRow>): AttackRow => ({ ...first, provider: 'cpu-fast', weights: 'f16', ...change });
  const judge = (aim: RegExp, ...otherPairs: AttackRow[]): AimRow => find({ ...results, otherPairs }, aim);
  const tokens = (median: number) => ({ tokensToDecide: { median, p90: undefined } });

  it('count every pair in which massaged draws were played', () => {
    const aim = /massaged draws, other pairs of classes, F16/;
    const [near, far] = ['massaged-knowing-q8-0', 'massaged-knowing-noise-1e-3'];
    expect(judge(aim, of({ attack: near, ...tokens(200) }), of({ attack: far, ...tokens(2500) }))).toMatchObject({
      measured: '2 of 2 are',
      outcome: 'met',
    });
    const missed = judge(aim, of({ attack: near, ...tokens(201) }), of({ attack: far, tokensToDecide: undefined }));
    expect(missed).toMatchObject({ measured: '0 of 2 are', outcome: 'missed' });
    expect(missed.note).toMatch(/q8-0, cpu-fast → .*: 201 tokens; massaged-knowing-noise-1e-3, .*: not decided/);
    expect(judge(aim)).toMatchObject({ outcome: 'undecided', measured: 'not measured' });
  });

  it('count the naming of attacks separately', () => {
    const aim = /between the other pairs of classes: the kind named/;
    const named = { value: 0.9, low: 0.8, high: 0.95, of: 100 };
    const missed = judge(aim, of({ named, namedExactly: undefined }), of({ named, verifier: 'cpu-exact' }));
    expect(missed).toMatchObject({ outcome: 'missed' });
    expect(missed.note).toContain(`${first.attack} as f16 (20)`);
    expect(judge(aim, of({ named: { ...named, value: 0.95 } })).outcome).toBe('undecided');
    expect(judge(aim, of({ named: { ...named, value: 1 } })).outcome).toBe('met');
  });
});

it('the aim of wrong classes is judged for each class that is claimed, by its sharpest verifier', () => {
  const [row] = results.classClaims as [ClassClaimRow];
  const median = (tokens: number) => ({ tokensToDecide: { median: tokens, p90: undefined } });
  const judge = (...changes: Partial<ClassClaimRow>[]): AimRow =>
    find(
      { ...results, classClaims: changes.map((change) => ({ ...row, ...change })) },
      /wrong-class claims gain nothing: decided/,
    );
  const sharp = { claimed: 'cpu-fast', verifier: 'cpu-exact', ...median(160) };
  const others = [
    { ...sharp, weights: 'q8_0' },
    { ...sharp, claimed: 'vulkan', verifier: 'cpu-fast' },
  ];
  expect(judge(sharp, { ...sharp, verifier: 'cpu-fast', ...median(2000) }, ...others)).toMatchObject({
    outcome: 'met',
  });
  const wide = judge(sharp, ...others, { ...sharp, attack: 'other', claimed: 'vulkan', tokensToDecide: undefined });
  expect(wide).toMatchObject({ outcome: 'missed' });
  expect(wide.measured).toMatch(/as cpu-fast: .*160 tokens.*; as vulkan: .*not decided/);
  const partial = judge(sharp, others[0] as Partial<ClassClaimRow>);
  expect(partial).toMatchObject({ outcome: 'undecided' });
  expect(partial.measured).toContain('not measured: vulkan of f16');
});

describe('the aim that audits and honeypots cannot be told', () => {
  const [row] = results.auditTells as [(typeof results.auditTells)[number]];
  const judge = (...aucs: (typeof row)['auc'][]): AimRow =>
    find({ ...results, auditTells: aucs.map((auc) => ({ ...row, audited: 1, auc })) }, /cannot be told/);

  it('is met near chance, and if a wide interval includes chance', () => {
    expect(judge({ mean: 0.54, low: 0.52, high: 0.56 }, { mean: 0.6, low: 0.48, high: 0.7 })).toMatchObject({
      measured: 'none of 2 views tells',
      outcome: 'met',
    });
  });

  it('is missed if a view can tell, and names the view', () => {
    // The interval excludes chance by a little, and its lower end exceeds what is allowed.
    expect(judge({ mean: 0.6, low: 0.52, high: 0.68 })).toMatchObject({ outcome: 'missed' });
    const told = judge({ mean: 0.5, low: 0.48, high: 0.52 }, { mean: 0.8, low: 0.76, high: 0.85 });
    expect(told).toMatchObject({
      outcome: 'missed',
      measured: expect.stringMatching(/^told in 1 of 2 .*100 % audited: 0\.80/),
    });
    expect(told.note).toContain('next idea');
  });
});

describe('an aim for a share', () => {
  const aim = /pre-fill from Q8_0 into F16/;
  const judge = (value: number, low: number, high = 1): AimRow => {
    const stage1Full = { value, low, high, of: 400 };
    return find(withAttacks({ attack: 'prefill-q8-0', weights: 'f16', stage1Full }), aim);
  };

  it('is met if its interval lies above the aim, undecided if it includes the aim, and missed if it lies below', () => {
    expect(judge(0.9975, 0.996)).toMatchObject({ outcome: 'met' });
    expect(judge(0.9975, 0.985)).toMatchObject({ outcome: 'undecided' });
    expect(judge(0.99, 0.97)).toMatchObject({ outcome: 'undecided' });
    expect(judge(0.9, 0.85, 0.94)).toMatchObject({ outcome: 'missed' });
  });
});

it('a reply that escapes stage 1 does not miss the aim for full replies if the profile plays shorter ones', () => {
  const stage1Full = { value: 0, low: 0, high: 0.79, of: 1 };
  const given = withAttacks({ attack: 'prefill-q8-0', weights: 'f16', stage1Full });
  const aim = /pre-fill from Q8_0 into F16/;
  expect(find({ ...given, profile: 'quick' }, aim).outcome).toBe('undecided');
  expect(find(given, aim).outcome).toBe('missed');
});

describe('the aim for names', () => {
  it('counts how often the exact attack is named, beside its kind', () => {
    const named = { value: 1, low: 0.9, high: 1, of: 400 };
    const given = withAttacks({ named, namedExactly: { ...named, value: 0.5 } });
    expect(find(given, /^the verdict names the kind/).outcome).toBe('met');
    expect(find(given, /the very attack/)).toMatchObject({ outcome: 'missed', measured: '50 % of 400 rejects' });
  });
});
