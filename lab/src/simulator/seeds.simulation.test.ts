import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
/** With its choices as they were drawn: the same seed draws others since. */
const LEFT = fileURLToPath(new URL('./seeds/validator-left.json', import.meta.url));

/** The same as one below, for long enough that the last sitting of each reply is over. */
const ALONE = fileURLToPath(new URL('./seeds/alone.json', import.meta.url));

/** The last certificate of the bootstrap beacon came to some alone, who kept it. */
const HANDED_OVER = fileURLToPath(new URL('./seeds/handed-over.json', import.meta.url));

/** A provider whose records the validator gets from witnesses alone. */
const KEPT_RECORDS = fileURLToPath(new URL('./seeds/kept-records.json', import.meta.url));

/** The bootstrap beacon stands still, an epoch begins again with other validators, and some are locked on a value of the set before. */
const LOCKED_SET = fileURLToPath(new URL('./seeds/locked-set.json', import.meta.url));

/** Runs that found a bug, which has a test of its own since. They take seconds each, so they are for the night. */
const SEEDS: Readonly<Record<string, readonly string[]>> = {
  'gateways exclude honest providers once a validator has left': ['--plan', LEFT],
  'a pause with a fraction of a millisecond makes a reply unreadable': ['--seed', '1', '--lie', 'never-opens'],
  'the only provider that is left, while its replies wait': ['--seed', '3', '--lie', 'two-records', '--faults', '0'],
  'the only provider that is left, until its replies end unjudged': ['--plan', ALONE],
  'the last epoch before a key of the threshold beacon': ['--plan', HANDED_OVER],
  'a deposit that a reorganisation loses for good pays for nothing': [
    ...['--mutation', 'draws-nothing-of-payers', '--control', '--seed', '1'],
  ],
  'a proven cheat, who is owed nothing more': ['--seed', '10601452'],
  'a verifier that is announced otherwise between its list and its draw': ['--seed', '10601460'],
  'a provider that has no receipt, since witnesses have shown its records': ['--plan', KEPT_RECORDS],
  'an epoch that begins again with another set': ['--plan', LOCKED_SET],
  'verifiers that never commit': ['--seed', '109', '--lie', 'never-commits'],
};

it.skipIf(process.env.OGONG_LONG !== '1').each(Object.entries(SEEDS))('%s', async (_, flags) => {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--no-shrink', ...flags];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
  expect(stdout).toContain('holds');
});
