import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DetectionResults } from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { drawFigure } from './draw-figure.ts';
import { listFigures } from './list-figures.ts';
import { isHard } from './plot-curves.ts';
import type { Figure } from './plot-style.ts';

const results = createSyntheticResults();
const figures = listFigures(results);
const find = (name: string, from: DetectionResults = results): Figure => {
  const found = listFigures(from).find((figure) => figure.name === name);
  if (found === undefined) throw new Error(`no figure ${name}`);
  return found;
};
const drawn = new Map<string, Promise<string>>();
/** Each of the plain figures is drawn once. */
const drawOnce = (figure: Figure): Promise<string> => {
  const drawing = drawn.get(figure.name) ?? drawFigure(figure);
  drawn.set(figure.name, drawing);
  return drawing;
};
const countMarks = (svg: string, kind: string): number => svg.split(`aria-roledescription="${kind}"`).length - 1;
const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text as string);
/** Elements that are opened and not closed, in an SVG whose attributes hold no angle brackets. */
function listUnclosed(svg: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, end] of svg.matchAll(/<(\/?)([a-z]\w*)[^<>]*?(\/?)>/gi)) {
    if (slash === '/') expect(open.pop()).toBe(name);
    else if (end !== '/') open.push(name as string);
  }
  return open;
}
const sold = results.attacks.filter(({ weights }) => weights === 'f16');

afterEach(() => vi.restoreAllMocks());

describe('every figure', () => {
  it('is listed: catch rates of each weight type, evidence of the hardest attacks, honest drift', () => {
    expect(figures.map(({ name }) => name)).toEqual(['caught-f16', 'caught-q8_0', 'evidence-f16', 'drift']);
  });

  it.each(figures.map((figure) => [figure.name, figure] as const))('%s is XML and a picture', async (_name, figure) => {
    const warn = vi.spyOn(console, 'warn');
    const svg = await drawOnce(figure);
    expect(warn).not.toHaveBeenCalled();
    expect(listUnclosed(svg)).toEqual([]);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const [width, height] = [/width="(\d+)"/, /height="(\d+)"/].map((pattern) => Number(pattern.exec(svg)?.[1]));
    expect(width).toBeGreaterThan(500);
    expect(width).toBeLessThan(2000);
    expect(height).toBeGreaterThan(100);
    expect(textsOf(svg)).toContain(figure.title);
  });

  it('keeps the digits of labels, and rounds coordinates', async () => {
    const svg = await drawOnce(find('drift'));
    expect(textsOf(svg)).toContain('0.001');
    expect(svg).not.toMatch(/ d="[^"]*\.\d{3}/);
    expect(svg).not.toMatch(/ (?:aria-label|role)=/);
  });

  it('has the same bytes when it is drawn again after others', async () => {
    const [first, second] = figures as [Figure, Figure];
    const before = await drawOnce(first);
    await drawOnce(second);
    const after = await drawFigure(first);
    expect(after).toBe(before);
  });

  it('is not well-formed XML when it is cut short', async () => {
    const svg = await drawOnce(find('drift'));
    expect(listUnclosed(svg.slice(0, -20))).not.toEqual([]);
  });
});

describe('marks', () => {
  it('of catch rates: one for every attack, pair and rate, each attack named once, hollow if fitted', async () => {
    const svg = await drawOnce(find('caught-f16'));
    expect(countMarks(svg, 'point')).toBe(sold.flatMap(({ perWindow }) => perWindow).length);
    for (const name of new Set(sold.map(({ attack }) => attack)))
      expect(
        textsOf(svg).filter((text) => text === name),
        name,
      ).toHaveLength(1);
    const points = svg.split('<path').filter((path) => path.includes('"point"'));
    expect(points.filter((path) => path.includes('fill="#FFFFFF"'))).toHaveLength(sold.length);
    const [, ...fewer] = results.attacks;
    const less = await drawFigure(find('caught-f16', { ...results, attacks: fewer }));
    expect(countMarks(less, 'point')).toBe(countMarks(svg, 'point') - 2);
  });

  it('of catch rates: sorted, the hardest at the bottom', async () => {
    const names = textsOf(await drawOnce(find('caught-f16'))).filter((text) =>
      sold.some(({ attack }) => attack === text),
    );
    const caught = (name: string) =>
      Math.min(...sold.filter(({ attack }) => attack === name).map(({ perWindow }) => perWindow[1]?.caught.value ?? 0));
    expect(names.map(caught)).toEqual(names.map(caught).sort((a, b) => b - a));
  });

  it('of curves: one for every hard attack and pair', async () => {
    const hard = sold.filter(isHard);
    expect(hard.length).toBeGreaterThan(0);
    expect(hard.length).toBeLessThan(sold.length);
    expect(countMarks(await drawOnce(find('evidence-f16')), 'line mark')).toBe(hard.length);
  });

  it('of drift: a median, a quantile and a bar for every pair, a diamond for every attack', async () => {
    const svg = await drawOnce(find('drift'));
    expect(countMarks(svg, 'tick')).toBe(2 * results.honest.length);
    expect(countMarks(svg, 'point')).toBe(2 * (results.honest.length + results.attacks.length));
    expect(textsOf(svg)).toContain('fixed 0.10');
    expect(textsOf(svg)).not.toContain('exactly 0');
  });

  it('of drift: an exact class is labelled 0 and not placed on the logarithmic axis', async () => {
    const none = { median: 0, p99: 0, p99High: 0, max: 0 };
    const scores = { sketch: none, logprob: none, kolmogorov: none, tail: none, drawGap: none };
    const honest = results.honest.map((row, i) => (i === 0 ? { ...row, scores } : row));
    const svg = await drawFigure(find('drift', { ...results, honest }));
    expect(textsOf(svg).filter((text) => text === 'exactly 0')).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

describe('little data', () => {
  it('gives no figure without data', () => {
    expect(listFigures({ ...results, attacks: [], honest: [] })).toEqual([]);
    const easy = results.attacks.map((row) => ({ ...row, auc: { value: 1, low: 1, high: 1, of: 9 } }));
    expect(listFigures({ ...results, attacks: easy }).map(({ part }) => part)).not.toContain('curves');
    const unseen = results.attacks.map((row) => ({ ...row, auc: { value: 0, low: 0, high: 1, of: 0 } }));
    expect(listFigures({ ...results, attacks: unseen }).map(({ part }) => part)).not.toContain('curves');
    const bare = results.attacks.map((row) => ({ ...row, evidence: [[0, 0]] as const }));
    expect(listFigures({ ...results, attacks: bare }).map(({ part }) => part)).not.toContain('curves');
  });

  it('draws the rest if decisions, medians and most curves are missing', async () => {
    const attacks = results.attacks.map((row, i) => ({
      ...{ ...row, tokensToDecide: undefined, medians: undefined },
      evidence: i % 2 === 0 ? [] : ([[128, -40]] as const),
    }));
    for (const figure of listFigures({ ...results, attacks })) {
      const svg = await drawFigure(figure);
      expect(svg, figure.name).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});
