import { parseArgs } from 'node:util';
import { ECONOMIES, type Economy, MESH_BEACONS, type MeshBeacon } from '@ogong/devnet/mesh/mesh-plan';
import { CHEAT_MODES, type CheatMode, isCheatMode } from '../attackers/attack.ts';

export interface DemoOptions {
  readonly model: string;
  readonly requests: number;
  readonly cheat: CheatMode | 'none';
  /** `list`, or the name of an attack on the protocol that is played instead of the usual run. */
  readonly economy: Economy;
  readonly beacon: MeshBeacon;
  readonly attack: string | undefined;
  /** Machines of tier `tee` serve the model as well, and one of them lapses. */
  readonly tee: 'software' | undefined;
  readonly hasChaos: boolean;
  readonly isOnce: boolean;
  readonly jsonFile: string | undefined;
  readonly directory: string | undefined;
  readonly maxTokens: number;
  readonly concurrency: number;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const DEMO_HELP = `Brings up a whole OGONG network on this machine, asks it for stories, checks every answer, and shows who was paid.

  npm run demo                            the network, then it stays up until Ctrl-C
  npm run demo -- --once --json FILE      the same, then exit: 0 only if every claim held
  npm run demo -- --attack list|NAME      attacks on the protocol: name them, or play one. Exit 0 if it fails, 1 if it works

  --model REF        what is served: hf:owner/repo:quant, a .gguf file, or stories15M (default, works offline)
  --requests N       how many chat requests at least (default 24)
  --cheat MODE       what the fourth provider does: ${CHEAT_MODES.join(', ')} or none (default prefill)
  --economy NAME     what the network pays in: ${ECONOMIES.join(' or ')} (default ogong)
  --beacon NAME      where its randomness comes from: ${MESH_BEACONS.join(' or ')} (default threshold)
  --tee software     have machines of tier tee serve beside the others: one unknown, one whose evidence lapses
  --chaos            end two validators while requests run, and a provider in the middle of an answer, and bring them back
  --attack NAME      play this attack instead, or list all (on Linux, whose loopback has many addresses)
  --once             exit when the table is printed
  --json FILE        write the summary (docs/schema/demo-summary.schema.json)
  --dir PATH         where data and logs go (default: a new temporary directory)
  --max-tokens N     longest answer (default 64)
  --concurrency N    requests at a time (default 6)
  --help
`;

/** @throws UsageError */
export function parseDemoOptions(argv: readonly string[]): DemoOptions | 'help' {
  let values: ReturnType<typeof read>['values'];
  try {
    values = read(argv).values;
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  if (values.help) return 'help';
  if (values.cheat !== 'none' && !isCheatMode(values.cheat)) {
    throw new UsageError(`--cheat ${values.cheat}: expected ${CHEAT_MODES.join(', ')} or none`);
  }
  const economy = ECONOMIES.find((name) => name === values.economy);
  if (economy === undefined) throw new UsageError(`--economy ${values.economy}: expected ${ECONOMIES.join(' or ')}`);
  const beacon = MESH_BEACONS.find((name) => name === values.beacon);
  if (beacon === undefined) throw new UsageError(`--beacon ${values.beacon}: expected ${MESH_BEACONS.join(' or ')}`);
  if (values.tee !== undefined && values.tee !== 'software')
    throw new UsageError(`--tee ${values.tee}: expected software, the one attester that needs no hardware`);
  if (values.tee !== undefined && (values.attack !== undefined || values.chaos))
    throw new UsageError('--tee: this run has no room for --attack or --chaos');
  return {
    economy,
    beacon,
    model: values.model,
    requests: parseCount('--requests', values.requests, 1, 10_000),
    cheat: values.attack === undefined && values.tee === undefined ? values.cheat : 'none',
    attack: values.attack,
    tee: values.tee,
    hasChaos: values.chaos,
    isOnce: values.once,
    jsonFile: values.json,
    directory: values.dir,
    maxTokens: parseCount('--max-tokens', values['max-tokens'], 24, 4096),
    concurrency: parseCount('--concurrency', values.concurrency, 1, 64),
  };
}

function read(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      model: { type: 'string', default: 'stories15M' },
      requests: { type: 'string', default: '24' },
      cheat: { type: 'string', default: 'prefill' },
      economy: { type: 'string', default: 'ogong' },
      beacon: { type: 'string', default: 'threshold' },
      attack: { type: 'string' },
      tee: { type: 'string' },
      chaos: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      json: { type: 'string' },
      dir: { type: 'string' },
      'max-tokens': { type: 'string', default: '64' },
      concurrency: { type: 'string', default: '6' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

function parseCount(flag: string, text: string, low: number, high: number): number {
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || count < low || count > high) {
    throw new UsageError(`${flag} ${text}: expected a whole number from ${low} to ${high}`);
  }
  return count;
}
