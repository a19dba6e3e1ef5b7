import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFour } from '@ogong/testing/validator/test-four';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pruneBatch } from './batch-store.ts';

/** The prompt of order 7,777,777, and the text of its reply. */
const PROMPT = 'story 7777777';
const ANSWER = 'an answer that nobody else may read';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-retention-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Names of the files in which a text stands. */
const findText = (text: string): string[] =>
  readdirSync(directory)
    .filter((name) => readFileSync(join(directory, name)).includes(text))
    .sort();

it('prompt and answer stand in no file of a co-signer, and after the retention time in none of the validator', async () => {
  const four = await createFour((index) => ({ path: join(directory, `validator-${index}.db`) }));
  const { own, peers, clock, certifyAll } = four;
  await own.deliver(7_777_777, { text: ANSWER });
  await certifyAll();
  await own.runAudits();
  expect(await own.settlement.step()).toBe(true);
  expect(peers.some(({ store }) => store.prepare('SELECT 1 FROM cosigned').get())).toBe(true);

  for (const text of [PROMPT, ANSWER]) {
    const files = findText(text);
    expect(files.length).toBeGreaterThan(0);
    expect(files.every((name) => name.startsWith('validator-0'))).toBe(true);
  }
  clock.advance(1);
  expect(await own.group.write((db) => pruneBatch(db, clock.nowMs()))).toBe(true);
  expect(own.store.eraseDeleted()).toBe(true);
  expect([findText(PROMPT), findText(ANSWER)]).toEqual([[], []]);
  for (const validator of [own, ...peers]) await validator.close();
  expect([findText(PROMPT), findText(ANSWER)]).toEqual([[], []]);
});
