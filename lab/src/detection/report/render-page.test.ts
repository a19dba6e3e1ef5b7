import { describe, expect, it } from 'vitest';
import type { AttackRow, DetectionResults } from '../results.ts';
import { formatPair } from '../standing.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { formatPage } from './render-page.ts';

const results = createSyntheticResults();
const page = formatPage(results);
const openingOf = (text: string): string => text.slice(0, text.indexOf('\n## '));
const aimRow = (text: string, aim: string): string =>
  text.split('\n').find((line) => line.startsWith(`| ${aim}`)) ?? '';
const withAims = (aims: DetectionResults['aims']): string => formatPage({ ...results, aims });

describe('the page', () => {
  it('has each attack once per pair', () => {
    const lines = page.split('\n').map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    for (const { attack, weights, ...pair } of results.attacks) {
      const name = attack.replaceAll('|', '\\|');
      const found = lines.filter(
        (cells) => cells[1] === name && cells[2] === weights && cells[3] === formatPair({ weights, ...pair }),
      );
      expect(found, `${attack} ${weights}`).toHaveLength(1);
    }
  });

  it('has tables whose lines are equally wide', () => {
    for (const block of page.split('\n\n').filter((text) => text.startsWith('|'))) {
      const widths = block.split('\n').map((line) => line.split(/(?<!\\)\|/).length);
      expect(new Set(widths).size, block.slice(0, 80)).toBe(1);
    }
  });

  it('says first what passes, then what was missed', () => {
    const opening = openingOf(page);
    expect(opening).toContain(
      '**Not caught.** noise 1e-3, noise 1e-2: passes for 1,240 tokens. best of 4 | nonce: by design.',
    );
    expect(opening).toContain('Aims missed: 1 of 2');
    expect(opening).toContain('- MISSED: noise 1e-3 in q8_0 within 1,000 tokens: 1,240 tokens. Drift hides it.');
    expect(opening).not.toContain('no honest mismatch');
    expect(page.startsWith('# ')).toBe(true);
    expect(page.split('\n\n')[1]).toMatch(/^\*\*Not caught/);
  });

  it('says next what has changed since the run', () => {
    const caveat = 'Measured **before** something else.';
    expect(formatPage({ ...results, caveat }).split('\n\n')[2]).toBe(caveat);
  });

  it('names what no check decides, by its figures and not by its author', () => {
    const hidden = results.attacks.find(({ attack }) => attack.startsWith('best of 4')) as AttackRow;
    expect(openingOf(formatPage({ ...results, notCaught: [] }))).toContain(`rows below: sold as f16, ${hidden.attack}`);
    const plain = results.attacks.filter(({ tokensToDecide }) => tokensToDecide !== undefined);
    expect(openingOf(formatPage({ ...results, attacks: plain }))).toContain('decided by some check');
  });

  it('takes no share of nothing for a decision', () => {
    const stage1 = { value: 1, low: 0, high: 1, of: 0 };
    const [first] = results.attacks as [AttackRow, ...AttackRow[]];
    const caughtBy = { nothing: first.replies };
    const open = { ...first, attack: 'another', stage1, caughtBy, equality: undefined, tokensToDecide: undefined };
    expect(openingOf(formatPage({ ...results, attacks: [open] }))).toContain(
      `Decided by no check in this run, of 1 rows below`,
    );
    const decided = { ...open, stage1: { ...stage1, of: 9 } };
    expect(openingOf(formatPage({ ...results, attacks: [decided] }))).toContain('decided by some check');
    const refuted = { ...open, caughtBy: { 'header-inclusion': first.replies } };
    expect(openingOf(formatPage({ ...results, attacks: [refuted] }))).toContain('decided by some check');
  });

  it('says first what only a verifier of the same exact class decides', () => {
    const [first] = results.attacks as [AttackRow, ...AttackRow[]];
    const stage1 = { value: 0, low: 0, high: 1, of: 9 };
    const row = { ...first, attack: 'near', stage1, caughtBy: { nothing: first.replies }, tokensToDecide: undefined };
    const differ = { differ: { ...stage1, value: 1 }, medianToken: 1, lastToken: 2 };
    const opening = openingOf(formatPage({ ...results, attacks: [{ ...row, equality: differ }] }));
    expect(opening).toMatch(
      /Between classes not within the replies of this run, in an exact class at once: sold as f16, near/,
    );
    expect(openingOf(formatPage({ ...results, attacks: [{ ...row, equality: undefined }] }))).not.toContain(
      'exact class at once',
    );
  });

  it('says first what nothing decided between other pairs of classes, a line for each', () => {
    const [first] = results.otherPairs as [AttackRow, ...AttackRow[]];
    const stage1 = { value: 0, low: 0, high: 1, of: 9 };
    const caughtBy = { nothing: first.replies };
    const open = { ...first, attack: 'near', stage1, caughtBy, equality: undefined, tokensToDecide: undefined };
    const rows = [open, { ...open, attack: 'another' }, { ...open, weights: 'q8_0' }, { ...open, verifier: 'vulkan' }];
    const lines = openingOf(formatPage({ ...results, otherPairs: rows })).split('\n');
    expect(lines).toContain(`- ${formatPair(first)}: sold as f16, near, another; sold as q8_0, near`);
    expect(lines).toContain(`- ${first.provider} → vulkan: sold as f16, near`);
  });

  it('shows the fixed thresholds and the mark of a fit in every table of attacks', () => {
    const heads = page.split('\n').filter((line) => line.startsWith('| attack | sold as'));
    expect(heads).toHaveLength(4);
    for (const head of heads) expect(head).toContain('fixed 0.10 / 0.10 passes');
    expect(page).toMatch(/% \([\d.]+\.\.[\d.]+\) fit/);
  });

  it('shows each attack of another pair beside the same one of the pair that all were measured in', () => {
    const table = page.split('### Between other classes')[1]!.split('\n### ')[0]!;
    const rows = table
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| attack') && !line.includes('---'));
    const measured = new Set(results.otherPairs.map(({ attack, weights }) => `| ${attack} | ${weights} |`));
    expect(measured.size).toBeGreaterThan(1);
    expect(new Set(rows.map((row) => row.split('|').slice(0, 3).join('|').concat('|')))).toEqual(measured);
    expect(table).toContain('cpu-fast → cpu-scalar');
    // Area, share of windows with its interval, tokens, the fixed limits.
    for (const row of rows) expect(row).toMatch(/\| [\d.]+; [\d.]+ % \([\d.]+\.\.[\d.]+\)( fit)?; [^;]+; [\d.]+ % /);
  });

  it('says where nothing was measured', () => {
    const empty = formatPage({
      ...results,
      attacks: [],
      otherPairs: [],
      honest: [],
      aims: [],
      stage1: [],
      equality: [],
      ejection: [],
    });
    expect(empty).toContain('No aim was measured');
    expect(empty.match(/Not measured in this run\./g)?.length).toBeGreaterThanOrEqual(5);
  });
});

describe('a miss', () => {
  const [met, missed] = results.aims;
  if (!met || !missed) throw new Error('no aims');

  it('is never shown as met', () => {
    expect(aimRow(page, missed.aim)).toContain('**MISSED**');
    expect(aimRow(page, missed.aim)).not.toMatch(/\| met \|/);
    expect(aimRow(page, met.aim)).toMatch(/\| met \|/);
  });

  it.each([
    ['that says nothing measured', { ...met, measured: ' ' }, 'This profile samples none of it.'],
    ['that is no more than truthy', { ...met, met: 'false' as unknown as boolean }, 'No reason known.'],
    ['without a word on it', { ...met, met: undefined as unknown as boolean }, 'No reason known.'],
  ])('is an aim %s', (_what, aim, reason) => {
    const text = withAims([aim]);
    expect(openingOf(text)).toContain('Aims missed: 1 of 1');
    expect(openingOf(text)).toContain(reason);
    expect(aimRow(text, aim.aim)).toContain('**MISSED**');
  });

  it('leaves the opening where everything is met', () => {
    expect(openingOf(withAims([met]))).toContain('All 1 aims are met.');
    expect(withAims([met])).not.toContain('MISSED');
  });

  it('of the ejection bound is marked', () => {
    const [row] = results.ejection;
    if (!row) throw new Error('no row');
    expect(page).toContain('| within |');
    const ejected = { ...row.ejected, value: 0.01, low: 0.005, high: 0.02 };
    expect(formatPage({ ...results, ejection: [{ ...row, beta: 0.001, ejected }] })).toContain('**ABOVE**');
    expect(formatPage({ ...results, ejection: [{ ...row, beta: 0.008, ejected }] })).toContain('within its error');
  });
});
