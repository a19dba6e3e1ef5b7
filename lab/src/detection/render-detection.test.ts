import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { renderDetection } from './render-detection.ts';
import { parseResults } from './results-json.ts';
import { createSyntheticResults } from './synthetic-results.ts';

const root = mkdtempSync(join(tmpdir(), 'ogong-detection-'));
afterAll(() => rmSync(root, { recursive: true }));

it('writes the same report again from its own data', async () => {
  const [first, second] = [join(root, 'a', 'first'), join(root, 'second')];
  const written = await renderDetection(createSyntheticResults(), first);
  expect(written.map((path) => path.slice(first.length + 1)).sort()).toEqual(readdirSync(first).sort());
  expect(readdirSync(first)).toEqual(
    expect.arrayContaining(['README.md', 'attacks.csv', 'honest.csv', 'results.json']),
  );
  await renderDetection(parseResults(readFileSync(join(first, 'results.json'), 'utf8')), second);
  for (const name of readdirSync(first))
    expect(readFileSync(join(second, name)).equals(readFileSync(join(first, name))), name).toBe(true);
});
