import { expect, it } from 'vitest';
import { type BenchReport, describeMachine, formatReport } from './report.ts';

const row = { id: 'a', what: 'a thing', value: 2, unit: 'ms', aim: { at: 'most', value: 1 } } as const;
const part = { title: 'Things', date: '2030-01-02', machine: '1 core' };

it('states machine, date, and the reason for each missed aim', () => {
  const report: BenchReport = {
    one: { ...part, rows: [{ ...row, why: 'it is slow', next: 'a faster one' }] },
    two: { ...part, title: 'Others', rows: [{ ...row, value: 1, why: 'it is not' }] },
  };
  const page = formatReport(report);
  expect(page).toContain('## Things\n\n2030-01-02: 1 core.\n\n| what |');
  expect(page).toContain('## Aims that were missed\n\n- a thing: it is slow. Next: a faster one.\n');
  expect(page.indexOf('## Things')).toBeLessThan(page.indexOf('## Others'));
  expect(page).not.toContain('it is not');
});

it('groups missed rows with the same reason', () => {
  const slow = [row, { ...row, what: 'another' }].map((each) => ({ ...each, why: 'both are slow' }));
  const page = formatReport({ one: { ...part, rows: [...slow, { ...row, what: 'a third' }] } });
  expect(page).toContain('- a thing; another: both are slow.\n- a third: no reason known.\n');
});

it('says that every aim was met', () => {
  expect(formatReport({ one: { ...part, rows: [{ ...row, value: 1 }] } })).toMatch(/missed\n\nNone\.\n$/);
});

it('names a machine by its cores, its load and its versions', () => {
  expect(describeMachine({ Node: '1.2' })).toMatch(/^\d+ cores of .+, \d+ GiB, load \d+\.\d when it began, Node 1\.2$/);
});

it('shows the figure of a part that has one', () => {
  const figure = { name: 'steps', title: 'Steps', caption: 'They fall.', xTitle: 'x', yTitle: 'y' };
  expect(formatReport({ one: { ...part, rows: [row], figure } })).toContain(
    '![Steps](bench/steps.svg)\n\nThey fall.\n',
  );
  expect(formatReport({ one: { ...part, rows: [row] } })).not.toContain('.svg');
});
