import { expect, it } from 'vitest';
import { addBefore, type BenchReport, describeMachine, formatReport, keepAims, takeMedians } from './report.ts';

const row = { id: 'a', what: 'a thing', value: 2, unit: 'ms', aim: { at: 'most', value: 1 } } as const;
const part = { title: 'Things', date: '2030-01-02', machine: '1 core, load 2.5 when it began, Node 1.2' };

it('refers each missed aim to its reason', () => {
  const report: BenchReport = {
    one: { ...part, rows: [{ ...row, why: 'it is slow; the cause is unknown', next: 'a faster one' }] },
    two: { ...part, title: 'Others', date: '2030-01-04', rows: [{ ...row, value: 1, why: 'it is not' }] },
  };
  const page = formatReport(report);
  expect(page).toContain('| **Things** |\n| a thing | ≤ 1 ms |  | 2.00 | **MISSED** [1] |\n| **Others** |\n');
  expect(page).toContain('| a thing | ≤ 1 ms |  | 1.00 | met |');
  expect(page).toContain('## Why aims were missed\n\n1. It is slow. Next: a faster one.\n\n');
  expect(page).not.toContain('it is not');
  expect(page).toContain('- 1 core, Node 1.2, 2030-01-02 to 2030-01-04: Things, Others.\n');
});

it('shows one line for the same aim of several models', () => {
  const models = ['stories15M q8_0', 'random 134M f16'];
  const rows = models.map((model, i) => ({
    ...row,
    what: `${model}: reply of ${i} tokens`,
    value: i + 1,
    why: 'slow',
  }));
  expect(formatReport({ one: { ...part, rows } })).toContain(
    '| reply of 0 tokens | ≤ 1 ms |  | 1.00–2.00 | **MISSED** 1 of 2 [1] |',
  );
});

it('shows the values of an earlier commit, for parts and rows that were measured there', () => {
  const report = { one: { ...part, rows: [row, { ...row, id: 'b', what: 'new' }] }, two: { ...part, rows: [row] } };
  const earlier = {
    one: {
      ...part,
      rows: [
        { ...row, value: 5 },
        { ...row, id: 'gone', value: 7 },
      ],
    },
  };
  const kept = keepAims(addBefore(report, 'abcdef0', earlier));
  expect(kept.one?.before).toEqual({ code: 'abcdef0', values: { a: 5 } });
  const page = formatReport(kept);
  expect(page).toContain('| a thing | ≤ 1 ms | 5.00 | 2.00 |');
  expect(page).toContain('| new | ≤ 1 ms |  | 2.00 |');
  expect(page).toContain('- Before, commit abcdef0: Things.\n');
  expect(keepAims(addBefore(kept, '1234567', {})).one?.before?.code).toBe('abcdef0');
});

it('takes the median of each row over the runs that measured it', () => {
  const run = (values: readonly (number | undefined)[], title = 'Things') => ({
    one: { ...part, title, rows: values.map((value, i) => ({ ...row, id: `${i}`, value })) },
  });
  const runs: BenchReport[] = [
    run([5, 1]),
    run([1, undefined]),
    { two: { ...part, rows: [row] } },
    run([3, 2, 9], 'Last'),
  ];
  const { one, two } = takeMedians(runs);
  expect(one?.rows.map(({ value }) => value)).toEqual([3, 1.5, 9]);
  expect(one).toMatchObject({ title: 'Last', runs: 3 });
  expect(formatReport(keepAims({ one: one as BenchReport[string] }))).toContain('- Medians of 3 runs: Last.\n');
  expect(two).toEqual(runs[2]?.two);
  expect(() => takeMedians([{ one: { ...part, rows: [row, row] } }])).toThrow('Things: two rows have the id a');
});

it('says that every aim was met', () => {
  expect(formatReport({ one: { ...part, rows: [{ ...row, value: 1 }] } })).toContain('\n\nNo aim was missed.\n');
});

it('keeps rows with an aim and rows that the economics read', () => {
  const { aim: _aim, ...plain } = row;
  const rows = [
    { ...row, why: 'slow', next: 'faster', note: 'n' },
    plain,
    { ...plain, id: 'rho-1-x', note: '0.5 with prompts' },
  ];
  expect(keepAims({ one: { ...part, rows } })).toEqual({
    one: {
      ...part,
      rows: [
        { ...row, why: 'slow', next: 'faster' },
        { ...plain, id: 'rho-1-x', note: '0.5 with prompts' },
      ],
    },
  });
});

it('names a machine by its cores, its load and its versions', () => {
  expect(describeMachine({ Node: '1.2' })).toMatch(/^\d+ cores of .+, \d+ GiB, load \d+\.\d when it began, Node 1\.2$/);
});
