import { Resvg } from '@resvg/resvg-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DetectionResults } from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { type Drawing, drawFigure } from './draw-figure.ts';
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
const drawn = new Map<string, Promise<Drawing>>();
/** Each of the plain figures is drawn once. */
const drawOnce = (figure: Figure): Promise<Drawing> => {
  const drawing = drawn.get(figure.name) ?? drawFigure(figure);
  drawn.set(figure.name, drawing);
  return drawing;
};
const countMarks = (svg: string, kind: string): number => svg.split(`aria-roledescription="${kind}"`).length - 1;
const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text as string);
const sold = results.attacks.filter(({ weights }) => weights === 'f16');
const pairs = new Set(sold.map(({ provider, verifier }) => `${provider} ${verifier}`)).size;

afterEach(() => vi.restoreAllMocks());

describe('every figure', () => {
  it('is there for each weight type, and the drift for all', () => {
    const kinds = ['caught', 'tokens', 'roc', 'evidence'];
    const expected = kinds.flatMap((kind) => ['f16', 'q8_0'].map((weights) => `${kind}-${weights}`));
    expect(figures.map(({ name }) => name)).toEqual([...expected, 'drift']);
  });

  it.each(figures.map((figure) => [figure.name, figure] as const))('%s is XML and a picture', async (_name, figure) => {
    const warn = vi.spyOn(console, 'warn');
    const { svg, png } = await drawOnce(figure);
    expect(warn).not.toHaveBeenCalled();
    expect(() => new Resvg(svg)).not.toThrow();
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const [width, height] = [/width="(\d+)"/, /height="(\d+)"/].map((pattern) => Number(pattern.exec(svg)?.[1]));
    const view = new DataView(png.buffer, png.byteOffset);
    expect(Buffer.from(png.subarray(0, 8)).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    expect([view.getUint32(16), view.getUint32(20)]).toEqual([2 * (width as number), 2 * (height as number)]);
    expect(view.getUint32(16)).toBeGreaterThan(1000);
    expect(view.getUint32(16)).toBeLessThan(4000);
    expect(png.length).toBeGreaterThan(20_000);
    expect(textsOf(svg)).toContain(figure.title);
  });

  it('is the same when drawn again after others', async () => {
    const [first, second] = figures as [Figure, Figure];
    const before = await drawOnce(first);
    await drawOnce(second);
    const after = await drawFigure(first);
    expect(after.svg).toBe(before.svg);
    expect(Buffer.from(after.png).equals(Buffer.from(before.png))).toBe(true);
  });

  it('would not pass as XML when cut short', async () => {
    const { svg } = await drawOnce(find('drift'));
    expect(() => new Resvg(svg.slice(0, -20))).toThrow();
  });
});

describe('marks', () => {
  it('of catch rates: one for every attack, pair and rate, each attack named once, and hollow where fitted', async () => {
    const { svg } = await drawOnce(find('caught-f16'));
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
    expect(countMarks(less.svg, 'point')).toBe(countMarks(svg, 'point') - 2);
  });

  it('of catch rates: sorted, the hardest at the bottom', async () => {
    const names = textsOf((await drawOnce(find('caught-f16'))).svg).filter((text) =>
      sold.some(({ attack }) => attack === text),
    );
    const caught = (name: string) =>
      Math.min(...sold.filter(({ attack }) => attack === name).map(({ perWindow }) => perWindow[1]?.caught.value ?? 0));
    expect(names.map(caught)).toEqual(names.map(caught).sort((a, b) => b - a));
  });

  it('of decisions: one for every attack and pair, a cross where undecided', async () => {
    const { svg } = await drawOnce(find('tokens-f16'));
    expect(countMarks(svg, 'point')).toBe(sold.length);
    const crosses = svg.split('not reached in this run').length - 1;
    const undecided = sold.filter(({ tokensToDecide }) => tokensToDecide === undefined).length;
    expect(undecided).toBeGreaterThan(0);
    expect(crosses).toBeGreaterThanOrEqual(undecided);
  });

  it('of curves: one for every hard attack and pair, and chance in every panel of the ROC', async () => {
    const hard = sold.filter(isHard).length;
    expect(hard).toBeGreaterThan(0);
    expect(hard).toBeLessThan(sold.length);
    expect(countMarks((await drawOnce(find('roc-f16'))).svg, 'line mark')).toBe(hard + pairs);
    expect(countMarks((await drawOnce(find('evidence-f16'))).svg, 'line mark')).toBe(hard);
  });

  it('of drift: a median, a quantile and a bar for every pair, a diamond for every attack', async () => {
    const { svg } = await drawOnce(find('drift'));
    expect(countMarks(svg, 'tick')).toBe(2 * results.honest.length);
    expect(countMarks(svg, 'point')).toBe(2 * (results.honest.length + results.attacks.length));
    expect(textsOf(svg)).toContain('fixed 0.10');
    expect(textsOf(svg)).not.toContain('exactly 0');
  });

  it('of drift: an exact class is said to be 0, not put on a logarithmic axis', async () => {
    const none = { median: 0, p99: 0, p99High: 0, max: 0 };
    const scores = { sketch: none, logprob: none, kolmogorov: none, tail: none, drawGap: none };
    const honest = results.honest.map((row, i) => (i === 0 ? { ...row, scores } : row));
    const { svg } = await drawFigure(find('drift', { ...results, honest }));
    expect(textsOf(svg).filter((text) => text === 'exactly 0')).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

describe('little data', () => {
  it('draws nothing of nothing', () => {
    expect(listFigures({ ...results, attacks: [], honest: [] })).toEqual([]);
    const easy = results.attacks.map((row) => ({ ...row, auc: { value: 1, low: 1, high: 1, of: 9 } }));
    expect(listFigures({ ...results, attacks: easy }).map(({ part }) => part)).not.toContain('curves');
    const unseen = results.attacks.map((row) => ({ ...row, auc: { value: 0, low: 0, high: 1, of: 0 } }));
    expect(listFigures({ ...results, attacks: unseen }).map(({ part }) => part)).not.toContain('curves');
    const bare = results.attacks.map((row) => ({ ...row, roc: [], evidence: [[0, 0]] as const }));
    expect(listFigures({ ...results, attacks: bare }).map(({ part }) => part)).not.toContain('curves');
  });

  it('draws what there is where decisions, medians and most of the curves are missing', async () => {
    const attacks = results.attacks.map((row, i) => ({
      ...{ ...row, tokensToDecide: undefined, medians: undefined },
      evidence: i % 2 === 0 ? [] : ([[128, -40]] as const),
      roc: i % 2 === 0 ? [] : ([[0, 0.5]] as const),
    }));
    for (const figure of listFigures({ ...results, attacks })) {
      const { svg } = await drawFigure(figure);
      expect(svg, figure.name).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});
