import { describe, expect, it } from 'vitest';
import type { AimRow, AttackRow, DetectionResults } from '../results.ts';
import { formatPair } from '../standing.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { formatDetails } from './render-details.ts';
import { formatPage } from './render-page.ts';

const results = createSyntheticResults();
const page = formatPage(results);
const details = formatDetails(results);
const cellsOf = (text: string): string[][] =>
  text.split('\n').map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
const none = { value: 0, low: 0, high: 0.4, of: 6 };
const [first] = results.attacks as [AttackRow, ...AttackRow[]];
const open: AttackRow = {
  ...{ ...first, attack: 'near', stage1: none, caughtBy: { nothing: first.replies }, equality: undefined },
  tokensToDecide: undefined,
};
const formatWith = (change: Partial<DetectionResults>): string => formatPage({ ...results, notCaught: [], ...change });

describe('the main page', () => {
  it('is short, and has no table of attacks', () => {
    expect(page.split(/\s+/).length).toBeLessThan(2000);
    expect(page.startsWith('# ')).toBe(true);
    expect(page).not.toContain(`| ${first.attack} |`);
  });

  it('says first how many attacks were caught, and how', () => {
    const opening = (rows: readonly AttackRow[]): string => formatWith({ attacks: rows }).split('\n\n')[1] as string;
    const refuted = { ...open, attack: 'plain', stage1: { ...none, value: 1 } };
    const differ = { differ: { ...none, value: 1 }, medianToken: 0, lastToken: 0 };
    const inClass = { ...open, attack: 'in class', equality: differ };
    const slow = { ...open, attack: 'slow', tokensToDecide: { median: 320, p90: undefined } };
    const text = opening([refuted, inClass, slow, open]);
    expect(text).toMatch(
      /\*\*4 attacks\*\*.*\*\*1\*\* are .*without a model\. \*\*1\*\* .*exact class.*\*\*1\*\* are .*several.*\*\*1\*\* by no/s,
    );
    expect(opening([])).toContain('No attack was played');
  });

  it('then says what has changed since the run', () => {
    const caveat = 'Measured **before** something else.';
    expect(formatPage({ ...results, caveat }).split('\n\n')[2]).toBe(caveat);
  });

  it('names attacks that no check decides by their figures, with the reason if one is known', () => {
    expect(formatWith({ attacks: [open] })).toContain('- `near`: nothing decided it within the replies of this run.');
    const known = formatPage({ ...results, attacks: [open], notCaught: [{ attack: 'near', why: 'by design' }] });
    expect(known).toContain('- `near`: by design.');
    const decided = { ...open, stage1: { ...none, value: 1 } };
    expect(formatWith({ attacks: [decided], otherPairs: [] })).toContain(
      'No attack of the catalogue passed in this run.',
    );
  });

  it('does not count an empty share as a decision', () => {
    const nothing = { ...none, value: 1, of: 0 };
    expect(formatWith({ attacks: [{ ...open, stage1: nothing }] })).toContain('`near`: nothing decided');
    const equality = { differ: nothing, medianToken: 0, lastToken: 0 };
    expect(formatWith({ attacks: [{ ...open, equality }] })).toContain('`near`: nothing decided');
  });

  it('names attacks that only a verifier of the same exact class decides', () => {
    const equality = { differ: { ...none, value: 1 }, medianToken: 1, lastToken: 2 };
    expect(formatWith({ attacks: [{ ...open, equality }] })).toMatch(
      /- Only a verifier of the provider's own exact class .*`near`/,
    );
    expect(formatWith({ attacks: [open] })).not.toContain('Only a verifier');
  });

  it('states the share of single replies that pass if several replies decide', () => {
    const text = formatWith({ attacks: [{ ...open, stage1: { ...none, value: 0.25 } }] });
    expect(text).toContain('`near` as f16: 75 %');
  });

  it('counts the attacks that stayed open between each pair of classes; the page of attacks names them', () => {
    const otherPairs = [open, { ...open, attack: 'another' }, { ...open, verifier: 'vulkan' }];
    const text = formatWith({ otherPairs });
    expect(text).toContain(`2 of ${formatPair(open)}, 1 of ${open.provider} → vulkan`);
    const behind = formatDetails({ ...results, otherPairs })['attacks.md'] as string;
    expect(behind).toContain(`- ${formatPair(open)}, sold as f16: near, another`);
  });

  it('says if nothing was measured', () => {
    const empty = {
      ...results,
      attacks: [],
      otherPairs: [],
      honest: [],
      aims: [],
      stage1: [],
      equality: [],
      ejection: [],
    };
    expect(formatPage(empty)).toContain('No attack was played in this run');
    expect(formatDetails(empty)['honest.md']?.match(/Not measured in this run\./g)?.length).toBeGreaterThanOrEqual(4);
  });
});

describe('the pages behind it', () => {
  it('list each attack once', () => {
    const lines = cellsOf(details['attacks.md'] as string);
    for (const { attack, weights } of results.attacks) {
      const found = lines.filter((cells) => cells[1] === attack.replaceAll('|', '\\|') && cells[2] === weights);
      const rows = results.attacks.filter((row) => row.attack === attack && row.weights === weights);
      expect(found, `${attack} ${weights}`).toHaveLength(rows.length);
    }
  });

  it('have tables whose lines are equally wide', () => {
    for (const block of [page, ...Object.values(details)]
      .join('\n\n')
      .split('\n\n')
      .filter((text) => text.startsWith('|'))) {
      const widths = cellsOf(block.trim()).map(({ length }) => length);
      expect(new Set(widths).size, block.slice(0, 80)).toBe(1);
    }
  });

  it('mark thresholds from a fitted tail', () => {
    expect(details['attacks.md']).toMatch(/% \([\d.]+\.\.[\d.]+\) fit/);
  });

  it('mark an ejection bound that does not hold', () => {
    const [row] = results.ejection;
    const show = (beta: number): string | undefined => {
      const ejected = { ...row!.ejected, value: 0.01, low: 0.005, high: 0.02 };
      return formatDetails({ ...results, ejection: [{ ...row!, beta, ejected }] })['honest.md'];
    };
    expect(details['honest.md']).toContain('| within |');
    expect(show(0.001)).toContain('**ABOVE**');
    expect(show(0.008)).toContain('within its error');
  });
});

describe('an aim', () => {
  const [met, missed] = results.aims as readonly [AimRow, AimRow];
  const show = (aim: AimRow): string =>
    (formatDetails({ ...results, aims: [aim] })['aims.md'] as string)
      .split('\n')
      .find((line) => line.startsWith(`| ${aim.aim}`)) ?? '';

  it('is said to be met, missed or not decided by the sample', () => {
    expect(show(met)).toContain('| met |');
    expect(show(missed)).toContain('| **MISSED** |');
    expect(show({ ...missed, outcome: 'undecided' })).toContain('| not decided by this sample |');
  });

  it.each([
    ['says nothing measured', { ...met, measured: ' ' }],
    ['has an outcome that is none', { ...met, outcome: true as unknown as 'met' }],
  ])('that %s is never met', (_what, aim) => {
    expect(show(aim)).toContain('| not decided by this sample |');
    expect(formatPage({ ...results, aims: [aim] })).toContain('0 are met, 0 are missed, and 1 are not decided');
  });

  it('that is missed stands on the main page, and no other does', () => {
    expect(page).toContain(`- MISSED: ${missed.aim}`);
    expect(page).not.toContain(`- MISSED: ${met.aim}`);
    expect(formatPage({ ...results, aims: [met, { ...missed, outcome: 'undecided' }] })).not.toContain('MISSED');
  });
});
