import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { formatNightlyTable, noteNightlyResult, readNightlyResults } from './nightly-results.ts';

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'ogong-nightly-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return root;
}

it('keeps the last result of each part', () => {
  const root = makeRoot();
  expect(readNightlyResults(root)).toEqual({});
  noteNightlyResult(root, 'soak', { result: 'FAIL', seconds: 60, day: '2026-11-26' });
  noteNightlyResult(root, 'long', { result: 'ok', seconds: 90, day: '2026-11-26' });
  noteNightlyResult(root, 'soak', { result: 'ok', seconds: 120, day: '2026-11-27' });
  const results = readNightlyResults(root);
  expect(Object.keys(results)).toEqual(['long', 'soak']);
  expect(formatNightlyTable({ soak: 'a soak', long: 'long tests', new: 'a new part' }, results).split('\n')).toEqual([
    'part  time     result     day         what it runs',
    'soak  2.0 min  ok         2026-11-27  a soak',
    'long  1.5 min  ok         2026-11-26  long tests',
    'new            never ran              a new part',
  ]);
});

it('begins anew if the file is damaged', () => {
  const root = makeRoot();
  mkdirSync(join(root, '.cache'));
  writeFileSync(join(root, '.cache/nightly.json'), '{');
  expect(readNightlyResults(root)).toEqual({});
});
