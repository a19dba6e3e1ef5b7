import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { DetectionResults } from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { packTable, unpackTable } from './packed-table.ts';
import { encodeResults, listChanges, parseResults, roundResults } from './results-json.ts';

const results = createSyntheticResults();

/** The same value with the keys of every object in reverse order. */
const reverseKeys = <Value>(value: Value): Value => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reverseKeys) as Value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, each]) => [key, reverseKeys(each)])) as Value;
};

describe('results.json', () => {
  it('is parsed to what was encoded, to six digits', () => {
    const rounded = roundResults(results);
    expect(parseResults(encodeResults(rounded))).toEqual(rounded);
    expect(encodeResults(rounded)).toBe(encodeResults(results));
    expect(JSON.parse(encodeResults(results)).seed).toBe(results.seed);
    expect(rounded.attacks[0]?.stage1.value).toBe(results.attacks[0]?.stage1.value);
    expect(rounded.attacks[0]?.evidence[1]).toEqual(
      results.attacks[0]?.evidence[1]?.map((value) => Number(value.toPrecision(6))),
    );
    expect(rounded.attacks.map(({ attack, weights }) => [attack, weights])).toEqual(
      results.attacks.map(({ attack, weights }) => [attack, weights]),
    );
  });

  it('lists the figures in which two runs differ, except times', () => {
    const later = {
      ...structuredClone(results),
      elapsedS: 9,
      day: '2030-01-01',
      machine: 'another',
      code: 'abc-dirty',
    };
    expect(listChanges(results, later)).toEqual([]);
    const [first, ...others] = results.attacks;
    const attacks = [{ ...first!, stage1: { ...first!.stage1, of: first!.stage1.of + 1 } }, ...others];
    expect(listChanges(results, { ...later, attacks })).toEqual([
      `results.attacks.0.stage1.of: ${first!.stage1.of} -> ${first!.stage1.of + 1}`,
    ]);
    expect(listChanges(results, { ...later, attacks: others }).length).toBeGreaterThan(0);
  });

  it('has a line for each row, so that a diff shows the changed row', () => {
    const lines = encodeResults(results).split('\n');
    expect(lines.filter((line) => line.includes('"q8_0 weights"')).length).toBeGreaterThanOrEqual(5);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(5000);
  });

  it('does not depend on the order of keys', () => {
    expect(encodeResults(reverseKeys(results))).toBe(encodeResults(results));
  });

  it('leaves absent fields absent', () => {
    const rows = [...results.attacks, ...results.otherPairs, ...results.ladder];
    const absent = rows.filter(({ equality }) => equality === undefined).length;
    expect(absent).toBeGreaterThan(0);
    const rounded = roundResults(results);
    const read = [...rounded.attacks, ...rounded.otherPairs, ...rounded.ladder];
    expect(JSON.stringify(rounded)).not.toMatch(/null|undefined/);
    expect(read.filter((row) => 'equality' in row)).toHaveLength(rows.length - absent);
  });

  it('refuses figures that are not finite, naming their paths', () => {
    const wrong: DetectionResults = {
      ...results,
      attacks: results.attacks.map((row, i) => (i === 2 ? { ...row, tokens: Number.NaN } : row)),
    };
    expect(() => encodeResults(wrong)).toThrow('results.attacks[2].tokens is NaN');
  });

  it('refuses another version', () => {
    expect(() => parseResults(encodeResults(results).replace('"version": 5', '"version": 1'))).toThrow('version 1');
    expect(() => parseResults('null')).toThrow();
  });
});

describe('a packed table', () => {
  const rows = [
    { name: 'a', share: { low: 0, of: 3 }, rates: [{ at: 1 }, { at: 2 }], counts: { x: 1 }, points: [[1, 2]] },
    { name: 'b', rates: [], counts: { y: 2 }, points: [], extra: { p90: 4 } },
    { name: 'c', share: { low: 1, of: 2 }, rates: [{ at: 3 }], counts: {}, points: [], extra: {} },
  ];

  it('names its fields once, and is unpacked to the same rows', () => {
    const packed = packTable(rows);
    expect(packed.fields).toEqual([
      'counts',
      'extra',
      'name',
      'points',
      { name: 'rates', each: ['at'] },
      { name: 'share', fields: ['low', 'of'] },
    ]);
    expect(packed.rows[1]).toEqual([{ y: 2 }, { p90: 4 }, 'b', [], [], null]);
    expect(unpackTable(JSON.parse(JSON.stringify(packed)))).toEqual(rows);
  });

  it('has other rows where a field is renamed', () => {
    const { fields, rows: packed } = packTable(rows);
    const renamed = fields.map((field) => (field === 'name' ? 'title' : field));
    expect(unpackTable({ fields: renamed, rows: packed })[0]).toMatchObject({ title: 'a' });
  });
});

describe('its schema', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../../../docs/schema/detection.schema.json', import.meta.url), 'utf8'),
  );
  const fits = new Ajv2020({ strict: true, strictTypes: false }).compile(schema);
  /** As plain data, to be spoiled. */
  const plain = () => JSON.parse(JSON.stringify(roundResults(results)));

  it('fits', () => {
    expect(fits(plain()), JSON.stringify(fits.errors)).toBe(true);
  });

  it.each<[string, (data: ReturnType<typeof plain>) => void]>([
    ['an unknown field', (data) => Object.assign(data.attacks[0], { extra: 1 })],
    ['a missing field', (data) => delete data.aims[0].outcome],
    ['a share beyond one', (data) => Object.assign(data.attacks[0].stage1, { value: 1.01 })],
    ['an aim of an unknown outcome', (data) => Object.assign(data.aims[0], { outcome: 'yes' })],
    ['a point of three numbers', (data) => data.attacks[0].evidence.push([0, 0, 0])],
    ['a negative count', (data) => Object.assign(data.stage1[0], { mismatches: -1 })],
    ['another version', (data) => Object.assign(data, { version: 1 })],
  ])('refuses %s', (_what, spoil) => {
    const data = plain();
    spoil(data);
    expect(fits(data)).toBe(false);
  });
});
