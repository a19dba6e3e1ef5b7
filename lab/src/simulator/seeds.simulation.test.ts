import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Runs that found a bug, which has a test of its own since. They take seconds each, so they are for the night. */
const SEEDS: Readonly<Record<string, readonly string[]>> = {
  'gateways exclude honest providers once a validator has left': ['--seed', '3'],
  'a pause with a fraction of a millisecond makes a reply unreadable': ['--seed', '10'],
};

it.skipIf(process.env.OGONG_LONG !== '1').each(Object.entries(SEEDS))('%s', async (_, flags) => {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--no-shrink', ...flags];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
  expect(stdout).toContain('holds');
});
