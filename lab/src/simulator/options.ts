import { parseArgs } from 'node:util';
import { ALL_LIES } from './lies/lie-names.ts';
import { MUTATIONS } from './mutations.ts';
import type { PlanOptions } from './plan.ts';

export interface SimulateOptions {
  readonly plan: Omit<PlanOptions, 'seed'>;
  readonly seed: number;
  readonly seeds: number;
  /** A plan as JSON, or the path of one. */
  readonly given: string | undefined;
  readonly mutation: string | undefined;
  /** Plays the runs of a mutation without it. */
  readonly control: boolean;
  readonly hunt: boolean;
  /** Sizes of networks to measure, in place of seeds. */
  readonly scale: readonly string[] | undefined;
  readonly isScale: boolean;
  /** One size, whose figures are printed. */
  readonly scaleSize: string | undefined;
  /** The size whose whole day is played, in place of growing ones. */
  readonly day: string | undefined;
  /** For how long a measured network is asked; undefined: as its size has it. */
  readonly spanMs: number | undefined;
  readonly budgetMs: number;
  /** Wall-clock time after which no seed begins. */
  readonly forMs: number;
  readonly trace: boolean;
  readonly json: boolean;
  readonly shrink: boolean;
}

const FLAGS = {
  seed: { type: 'string', default: '1', about: 'seed of the first run; the same seed gives the same run' },
  seeds: { type: 'string', default: '1', about: 'how many seeds, one after the other' },
  minutes: { type: 'string', default: '2', about: 'virtual minutes with faults; two more without follow' },
  validators: { type: 'string', default: '4', about: '' },
  providers: { type: 'string', about: 'each with a verifier; default: 3, and 9 with --cohorts' },
  gateways: { type: 'string', default: '2', about: '0: the validators alone' },
  routers: { type: 'string', default: '2', about: 'gateways take turns with them' },
  pictures: { type: 'boolean', default: false, about: 'providers sell pictures, and clients ask for them' },
  cohorts: { type: 'boolean', default: false, about: 'providers have segments of the model, and serve it together' },
  hub: { type: 'boolean', default: false, about: 'a provider fetches models by demand, and blobs are pinned' },
  requests: { type: 'string', default: '10', about: 'requests in a minute, of all gateways' },
  epoch: { type: 'string', default: '5000', about: 'length of an epoch, ms' },
  beacon: {
    type: 'string',
    default: 'drawn',
    about: '`threshold`, `vrf` (the bootstrap beacon alone), or `drawn`: either, by the seed',
  },
  faults: { type: 'string', default: '6', about: 'faults in a minute' },
  liars: {
    type: 'string',
    about: 'how many of a role lie; default: as many validators as the network bears, and others by chance',
  },
  lie: { type: 'string', about: 'the only lie, told by the roles that know it; --lie list names them; default: drawn' },
  sieve: {
    type: 'string',
    default: '0',
    about: 'share of certificates that are lost for good from one validator to another',
  },
  plan: { type: 'string', about: 'plays this plan, as JSON or from a file, in place of a drawn one' },
  mutation: { type: 'string', about: 'plants a known bug first; --mutation list names them' },
  control: { type: 'boolean', default: false, about: 'with --mutation: plays the same runs without the bug' },
  hunt: { type: 'boolean', default: false, about: 'plants each known bug, and looks for it' },
  scale: { type: 'boolean', default: false, about: 'measures growing networks, and writes docs/simulator' },
  sizes: {
    type: 'string',
    about:
      'validators/providers/consumers, several with commas between; others keep their rows; `none` writes the page alone; default: all',
  },
  day: {
    type: 'string',
    about: 'with --scale: plays a whole day of this size, with epochs of a minute, in place of growing sizes',
  },
  span: { type: 'string', about: 'with --scale: virtual seconds in which requests come; default: as the size has it' },
  'scale-size': { type: 'string', about: 'measures one size, and prints its figures' },
  budget: {
    type: 'string',
    default: '300',
    about: 'seconds of processor time, for all seeds, or for each bug of a hunt',
  },
  for: { type: 'string', about: 'seconds by the clock after which no further seed begins; default: no end' },
  trace: { type: 'boolean', default: false, about: 'prints everything that happens' },
  json: { type: 'boolean', default: false, about: 'prints the outcomes as JSON lines' },
  'no-shrink': { type: 'boolean', default: false, about: 'leaves a failing plan as it is' },
  help: { type: 'boolean', default: false, about: 'prints this' },
} as const;

const BEACONS = ['threshold', 'vrf', 'drawn'];

export class FlagError extends Error {
  override readonly name = 'FlagError';
}

export function describeFlags(): string {
  const lines = Object.entries(FLAGS).map(([name, flag]) => {
    const fallback = 'default' in flag && flag.type === 'string' ? ` (${flag.default})` : '';
    return `  --${name.padEnd(12)} ${flag.about}${fallback}`;
  });
  return `usage: npm run simulate -- [flags]

Runs the network in virtual time, with faults and liars, and checks what must always hold (docs/simulator.md).
Ends with 1 where an invariant was broken.

${lines.join('\n')}
`;
}

/** @returns undefined where help is wanted. @throws FlagError */
export function readOptions(argv: readonly string[]): SimulateOptions | undefined {
  const options = Object.fromEntries(Object.entries(FLAGS).map(([name, { about: _about, ...flag }]) => [name, flag]));
  let values: { readonly [name: string]: string | boolean | undefined };
  try {
    values = parseArgs({ args: [...argv], options, allowPositionals: false }).values as typeof values;
  } catch (error) {
    throw new FlagError((error as Error).message);
  }
  if (values.help) return undefined;
  const number = (name: keyof typeof FLAGS, least = 0): number => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value < least) throw new FlagError(`--${name} is a number from ${least} on`);
    return value;
  };
  const text = (name: keyof typeof FLAGS): string | undefined => values[name] as string | undefined;
  const mutation = text('mutation');
  if (mutation !== undefined && mutation !== 'list' && !MUTATIONS.some(({ name }) => name === mutation)) {
    throw new FlagError(`no mutation ${mutation}: --mutation list names them`);
  }
  const lie = text('lie');
  if (lie !== undefined && lie !== 'list' && !ALL_LIES.includes(lie)) {
    throw new FlagError(`no lie ${lie}: --lie list names them`);
  }
  const beacon = text('beacon') ?? '';
  if (!BEACONS.includes(beacon)) throw new FlagError(`--beacon is one of ${BEACONS.join(', ')}`);
  return {
    plan: {
      minutes: number('minutes', 0.1),
      validators: number('validators', 1),
      providers: text('providers') === undefined ? (values.cohorts ? 9 : 3) : number('providers'),
      gateways: number('gateways'),
      routers: number('routers', 1),
      requestsPerMinute: number('requests'),
      epochMs: number('epoch', 500),
      faultsPerMinute: number('faults'),
      beacon: beacon as PlanOptions['beacon'],
      // The budget of a planted bug was measured without varied runs.
      isVaried: mutation === undefined,
      liars: text('liars') === undefined ? undefined : number('liars'),
      lie,
      sieve: number('sieve'),
      sellsPictures: values.pictures === true,
      hasCohorts: values.cohorts === true ? true : undefined,
      hasHub: values.hub === true,
    },
    seed: number('seed'),
    seeds: number('seeds', 1),
    given: text('plan'),
    mutation,
    control: values.control === true,
    hunt: values.hunt === true,
    scale:
      values.scale === true
        ? text('sizes')
            ?.split(',')
            .filter((size) => size !== 'none')
        : undefined,
    isScale: values.scale === true,
    scaleSize: text('scale-size'),
    day: text('day'),
    spanMs: text('span') === undefined ? undefined : 1_000 * number('span', 1),
    budgetMs: 1_000 * number('budget', 1),
    forMs: text('for') === undefined ? Number.POSITIVE_INFINITY : 1_000 * number('for', 1),
    trace: values.trace === true,
    json: values.json === true,
    shrink: values['no-shrink'] !== true,
  };
}
