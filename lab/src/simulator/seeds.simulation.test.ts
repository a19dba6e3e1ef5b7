import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
/** With its choices as they were drawn: the same seed draws others since. */
const given = (name: string): readonly string[] => [
  '--plan',
  fileURLToPath(new URL(`./seeds/${name}.json`, import.meta.url)),
];

/** Runs that found a bug, which has a test of its own since. They take seconds each, so they are for the night. */
const SEEDS: Readonly<Record<string, readonly string[]>> = {
  'gateways exclude honest providers once a validator has left': given('validator-left'),
  'a pause with a fraction of a millisecond makes a reply unreadable': given('never-opens'),
  'the only provider that is left, while its replies wait': given('two-records'),
  // The run is long enough for the last audit attempt of each reply.
  'the only provider that is left, until its replies end unjudged': given('alone'),
  // The last certificate of the bootstrap beacon came to some alone, who kept it.
  'the last epoch before a key of the threshold beacon': given('handed-over'),
  'a deposit that a reorganisation loses for good pays for nothing': [
    ...['--mutation', 'draws-nothing-of-payers', '--control', '--seed', '1'],
  ],
  'a proven cheat, who is owed nothing more': given('proven-cheat'),
  'a verifier that is announced otherwise between its list and its draw': given('announced-otherwise'),
  // The validator gets them from witnesses alone.
  'a provider that has no receipt, since witnesses have shown its records': given('kept-records'),
  // The bootstrap beacon stands still, and some are locked on a value of the set before.
  'an epoch that begins again with another set': given('locked-set'),
  'verifiers that never commit': given('never-commits'),
  'clocks that are put minutes ahead of the chain before there is a key': given('clocks-ahead'),
  'a reorganisation that takes back a key just before its first epoch': given('undone-key'),
  'a validator that has started and never catches up': given('left-behind'),
  'a validator that answers gateways and admits nothing': given('admits-nothing'),
};

/** With their bug planted again: a plan that no longer meets it shows nothing. */
const BROKEN: readonly (readonly [plan: string, mutation: string, invariant: string])[] = [
  ['validator-left', 'blames-for-those-who-left', 'the-honest-are-served'],
  ['never-opens', 'parts-of-milliseconds', 'what-was-taken-in-settles'],
  ['handed-over', 'keeps-the-last-certificate', 'every-epoch-ends'],
  ['kept-records', 'takes-no-receipt', 'what-was-taken-in-settles'],
  ['locked-set', 'keeps-locks-across-sets', 'every-epoch-ends'],
  // One of those whose epoch began again had the others' certificate shown to it for 47 s.
  ['locked-set', 'refuses-the-set-before', 'every-epoch-ends'],
  ['clocks-ahead', 'goes-by-its-own-clock', 'a-key-certifies-its-epochs'],
  ['undone-key', 'signs-by-an-unsettled-key', 'one-value-an-epoch'],
  ['left-behind', 'orders-at-who-is-behind', 'the-honest-are-served'],
  ['admits-nothing', 'stays-where-nothing-is-admitted', 'the-honest-are-served'],
];

describe.skipIf(process.env.OGONG_LONG !== '1')('runs that found a bug (only with OGONG_LONG=1)', () => {
  const run = async (flags: readonly string[]): Promise<string> => {
    const args = ['--disable-warning=ExperimentalWarning', MAIN, '--no-shrink', ...flags];
    // It ends with 1 where an invariant is broken.
    const ended = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 }).catch((error) => error);
    return ended.stdout;
  };

  it.each(Object.entries(SEEDS))('%s', async (_, flags) => {
    expect(await run(flags)).toContain('holds');
  });

  it.each(BROKEN)('%s breaks with the bug %s', async (plan, mutation, invariant) => {
    expect(await run([...given(plan), '--mutation', mutation])).toMatch(new RegExp(`INVARIANT +${invariant}:`));
  });
});
