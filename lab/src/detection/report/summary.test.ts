import { expect, it } from 'vitest';
import type { AttackRow, DetectionResults } from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { formatSummary } from './summary.ts';

const whole = createSyntheticResults();
const [first] = whole.attacks as [AttackRow, ...AttackRow[]];
const all = { value: 1, low: 0.6, high: 1, of: 6 };
const none = { value: 0, low: 0, high: 0.4, of: 6 };
const caught: AttackRow = { ...first, attack: 'plain', stage1: all, equality: undefined };
const slow: AttackRow = {
  ...{ ...first, attack: 'slow', stage1: none, caughtBy: { nothing: first.replies }, equality: undefined },
  tokensToDecide: { median: 320, p90: undefined },
};
const open: AttackRow = { ...slow, attack: 'hidden', tokensToDecide: undefined };
const summarize = (change: Partial<DetectionResults>): string => formatSummary({ ...whole, ...change }).join('\n');

it('takes ten lines, whatever was found', () => {
  expect(formatSummary(whole)).toHaveLength(10);
  const empty = { ...whole, attacks: [], stage1: [], equality: [], aims: [], notCaught: [] };
  expect(formatSummary(empty)).toHaveLength(10);
  expect(formatSummary(empty).join('\n')).toContain('nothing honest was sampled, so this run shows nothing');
});

it('counts each attack once, with its worst finding over weight types', () => {
  const text = summarize({ attacks: [caught, slow, open, { ...open, weights: 'q8_0', stage1: all }], notCaught: [] });
  expect(text).toContain('3 attacks were played');
  expect(text).toContain('1 were caught by their first reply, 0 of them');
  expect(text).toContain('1 were caught within several replies');
  expect(text).toContain('1 slipped through, or need more replies than this run played: hidden.');
});

it('separates attacks that pass for a known reason from those that slipped through', () => {
  const text = summarize({ attacks: [open], notCaught: [{ attack: 'hidden', why: 'by design' }] });
  expect(text).toContain('1 are not caught, for a known reason: hidden.');
  expect(text).toContain('0 slipped through');
});

it('counts attacks that need a verifier of the same class separately', () => {
  const equality = { differ: all, medianToken: 0, lastToken: 0 };
  expect(summarize({ attacks: [{ ...open, equality }] })).toContain('1 were caught by their first reply, 1 of them');
  const never = { ...equality, differ: none };
  expect(summarize({ attacks: [{ ...open, equality: never }] })).toContain('0 were caught by their first reply');
});

it('does not count an attack as caught by the first reply if only some replies are refuted', () => {
  expect(summarize({ attacks: [{ ...caught, stage1: { ...all, value: 0.5 } }] })).toContain(
    '0 were caught by their first',
  );
});

it('says MISSED for every missed aim, and not for undecided ones', () => {
  const aim = { aim: 'an aim', measured: '3 of 4', note: '' };
  const undecided = summarize({ aims: [{ ...aim, outcome: 'undecided' }] });
  expect(undecided).toContain('0 met, 0 missed, 1 not decided by this sample');
  expect(undecided).not.toContain('MISSED');
  expect(summarize({ aims: [{ ...aim, outcome: 'missed' }] })).toContain('MISSED: an aim.');
  expect(summarize({ aims: [{ ...aim, measured: ' ', outcome: 'met' }] })).toContain('0 met, 0 missed, 1 not decided');
});

it('counts every honest reply that a check refuted', () => {
  const [row] = whole.stage1;
  const text = summarize({ stage1: [{ ...row!, mismatches: 2, replies: 10 }] });
  expect(text).toContain('rejected: 2 of 10.');
});
