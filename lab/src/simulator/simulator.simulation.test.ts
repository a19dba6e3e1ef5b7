import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Printed {
  readonly hash: string;
  readonly epochs: number;
  readonly eras: number;
  readonly settled: number;
  readonly shared: number;
  readonly forged: Readonly<Record<string, number>>;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly rejected: Readonly<Record<string, number>>;
  readonly ejected: Readonly<Record<string, number>>;
  readonly hub?: { readonly fetched: number; readonly paid: number };
  readonly received?: Readonly<Record<string, number>>;
  readonly violations: readonly { readonly invariant: string }[];
}

/** In a process of its own: a run has the timers of the whole process. */
async function simulate(...flags: readonly string[]): Promise<Printed[]> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--json', '--no-shrink', ...flags];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 }).catch(
    (error: { readonly code?: number; readonly stdout: string; readonly stderr: string }) => {
      if (error.code !== 1) throw new Error(error.stderr);
      return error;
    },
  );
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{"plan"'))
    .map((line) => JSON.parse(line) as Printed);
}

const VALIDATORS = ['--providers', '0', '--gateways', '0', '--minutes', '0.5'];

describe('the simulator', () => {
  it('finds that validators agree under faults and lies, and plays a seed twice alike', async () => {
    const [first, second] = await Promise.all([
      simulate(...VALIDATORS, '--seed', '3'),
      simulate(...VALIDATORS, '--seed', '3'),
    ]);
    expect(first[0]?.violations).toEqual([]);
    expect(first[0]?.epochs).toBeGreaterThan(10);
    expect(second).toMatchObject(first.map(({ hash, epochs }) => ({ hash, epochs })));
  });

  it('has replies asked for, served, audited and settled, with faults', { timeout: 300_000 }, async () => {
    // One of the threshold beacon, and one of the bootstrap's alone; in neither has a silent verifier to be waited for.
    const [outcome] = await simulate('--minutes', '0.5', '--seed', '1');
    expect(outcome?.violations).toEqual([]);
    expect(outcome?.eras).toBeGreaterThan(0);
    const [other] = await simulate('--minutes', '0.5', '--seed', '2');
    expect([other?.violations, other?.eras]).toEqual([[], 0]);
    expect(outcome?.settled).toBeGreaterThan(0);
  });

  it('sells pictures, and rejects those with half of the declared steps', async () => {
    const [outcome] = await simulate(
      ...['--pictures', '--minutes', '1', '--seed', '4', '--lie', 'half-steps-fitted', '--faults', '0'],
    );
    expect(outcome?.violations).toEqual([]);
    const { reject = 0, ...others } = outcome?.forged ?? {};
    expect([reject > 2, others]).toEqual([true, {}]);
    // Honest providers are paid beside the liars.
    expect(outcome?.settled).toBeGreaterThan(reject);
    // A search of all messages finds private parts at the roles that may have them. Sealed requests and answers hide theirs.
    expect(Object.keys(outcome?.received ?? {}).sort()).toEqual(['gateway', 'validator', 'verifier']);
  });

  it('serves in cohorts beside shards that answer nothing, and plays a seed twice alike', {
    timeout: 300_000,
  }, async () => {
    const size = ['--validators', '1', '--minutes', '0.4', '--beacon', 'vrf'];
    const flags = ['--cohorts', ...size, '--seed', '11', '--lie', 'silent-shard'];
    const [[first], [second]] = await Promise.all([simulate(...flags), simulate(...flags)]);
    expect(first?.violations).toEqual([]);
    expect(first?.shared).toBeGreaterThan(2);
    expect([second?.hash, second?.shared]).toEqual([first?.hash, first?.shared]);
  });

  it('names the shard with wrong rows and no other, and nobody where such a shard gives no root', {
    timeout: 300_000,
  }, async () => {
    const size = ['--validators', '1', '--minutes', '0.4', '--requests', '30', '--beacon', 'vrf', '--faults', '0'];
    const play = async (lie: string) => (await simulate('--cohorts', ...size, '--seed', '3', '--lie', lie))[0];
    const [swapped, rootless] = await Promise.all([play('swap-segment'), play('swap-without-root')]);
    expect(swapped?.violations).toEqual([]);
    expect(Object.keys(swapped?.rejected ?? {})).toEqual(['swap-segment']);
    expect(Object.keys(swapped?.ejected ?? {})).toEqual(['swap-segment']);
    // Its leader ends such an order, and goes on without it.
    expect(rootless?.violations).toEqual([]);
    expect([Object.keys(rootless?.verdicts ?? {}).sort(), rootless?.rejected, rootless?.ejected]).toEqual([
      ['accept', 'unjudged'],
      {},
      {},
    ]);
    expect(rootless?.shared).toBeGreaterThan(2);
  });

  it('finds that a provider keeps its records', async () => {
    const outcomes = await simulate(
      '--minutes',
      '1',
      '--gateways',
      '1',
      '--routers',
      '1',
      '--liars',
      '0',
      '--mutation',
      'outbox-keeps-records',
    );
    expect(outcomes.at(-1)?.violations.map(({ invariant }) => invariant)).toEqual([
      'what-was-taken-in-settles',
      'queues-drain',
    ]);
  });

  it('finds that nothing is drawn of payers from whom no reorganisation took anything', async () => {
    const outcomes = await simulate('--seed', '1', '--mutation', 'draws-nothing-of-payers');
    expect(outcomes.at(-1)?.violations.map(({ invariant }) => invariant)).toEqual(['what-is-drawn-is-owed']);
  });

  it('finds who is not paid, and what co-signers let pass', async () => {
    const found = await Promise.all(
      ['pays-the-router-alone', 'cosigns-any-fee'].map((name) => simulate('--seed', '1', '--mutation', name)),
    );
    expect(found.map((outcomes) => outcomes.at(-1)?.violations.map(({ invariant }) => invariant))).toEqual([
      ['what-is-earned-is-paid'],
      ['nobody-honest-pays-more'],
    ]);
  });

  it('fetches by demand within the budget, pays for storage, and finds planted bugs of both', async () => {
    const flags = ['--hub', ...VALIDATORS, '--validators', '1', '--faults', '0', '--minutes', '1'];
    const bugs = ['believes-one-router', 'forgets-failed-downloads', 'draws-by-pin-alone'];
    const [[sound], ...broken] = await Promise.all([
      simulate(...flags),
      ...bugs.map((name) => simulate(...flags, '--mutation', name)),
    ]);
    expect(sound?.violations).toEqual([]);
    expect(sound?.hub?.fetched).toBeGreaterThan(5);
    expect(sound?.hub?.paid).toBeGreaterThan(15);
    expect(broken.map((outcomes) => outcomes.at(-1)?.violations[0]?.invariant)).toEqual([
      'few-routers-fetch-nothing',
      'downloads-fit-the-budget',
      'storage-is-paid-if-whole',
    ]);
  });

  it('finds a planted bug', async () => {
    const outcomes = await simulate(...VALIDATORS, '--lie', 'withholds', '--mutation', 'never-changes-view');
    expect(outcomes.at(-1)?.violations.map(({ invariant }) => invariant)).toEqual(['every-epoch-ends']);
  });
});
