import { ECONOMIES, MESH_BEACONS } from '@ogong/devnet/mesh/mesh-plan';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, integer, oneOf, text } from '@ogong/host/config/values';
import { CHEAT_MODES } from '../attackers/attack.ts';

const NAME = 'npm run demo --';
/** Parts on networks of their own, each with a flag of its name. */
export const SCENES = ['pictures', 'shards', 'hub'] as const;
export type DemoScene = (typeof SCENES)[number];

const config = defineConfig({
  name: NAME,
  summary:
    'Starts a whole OGONG network on this machine, requests stories, checks every answer and shows the payments.',
  fields: {
    model: { schema: text, label: '<ref>', default: 'stories15M', description: 'hf:owner/repo:quant, or a .gguf file' },
    requests: { schema: integer({ min: 1, max: 10_000 }), default: '24', description: 'minimum of chat requests' },
    cheat: {
      schema: oneOf([...CHEAT_MODES, 'none']),
      default: 'prefill',
      description: 'attack of the fourth provider',
    },
    economy: { schema: oneOf(ECONOMIES), default: 'ogong', description: 'currency of the fees' },
    beacon: { schema: oneOf(MESH_BEACONS), default: 'threshold', description: 'source of randomness' },
    tee: {
      schema: oneOf(['software']),
      description: 'add machines of tier tee: one unknown, one whose evidence lapses',
    },
    pictures: {
      schema: oneOf(['also', 'only', 'off']),
      default: 'also',
      description: 'claims about pictures, on a small network after the first one; only: these claims, then exit',
    },
    shards: {
      schema: oneOf(['also', 'only', 'off']),
      default: 'also',
      description:
        'claims about a model in segments (Linux), on a small network at the end; only: these claims, then exit',
    },
    hub: {
      schema: oneOf(['also', 'only', 'off']),
      default: 'also',
      description: 'claims about the hub of models, on a small network at the end; only: these claims, then exit',
    },
    hasChaos: {
      flag: 'chaos',
      schema: boolean,
      boolean: true,
      description: 'kill two validators and a provider while requests run',
    },
    attack: { schema: text, label: '<name|list>', description: 'play this attack instead (Linux), or list all' },
    isOnce: {
      flag: 'once',
      schema: boolean,
      boolean: true,
      description: 'exit after the run: 0 only if every claim holds',
    },
    jsonFile: {
      flag: 'json',
      schema: text,
      label: '<file>',
      description: 'write the summary: docs/schema/demo-summary.schema.json',
    },
    directory: {
      flag: 'dir',
      schema: text,
      label: '<path>',
      description: 'data and logs; default: a new temporary directory',
    },
    maxTokens: { schema: integer({ min: 24, max: 4096 }), default: '64', description: 'longest answer' },
    concurrency: { schema: integer({ min: 1, max: 64 }), default: '6', description: 'requests at a time' },
  },
  examples: ['npm run demo', `${NAME} --once --json summary.json`, `${NAME} --attack list`],
});

export const createUsageError = (problem: string): ConfigError => new ConfigError(NAME, [problem]);

export type DemoOptions = Extract<ReturnType<typeof config.parse>, { kind: 'run' }>['values'];

/** @returns the help if `--help` asks for it. @throws ConfigError */
export function parseDemoOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): DemoOptions | { readonly help: string } {
  const parsed = config.parse(argv, env);
  if (parsed.kind === 'print') return { help: parsed.text };
  const { values } = parsed;
  if (values.tee !== undefined && (values.attack !== undefined || values.hasChaos))
    throw createUsageError('--tee: not together with --attack or --chaos');
  const alone = SCENES.filter((scene) => values[scene] === 'only');
  if (alone.length > 1) throw createUsageError(`--${alone[0]} only: not together with --${alone[1]} only`);
  return values.attack === undefined && values.tee === undefined
    ? values
    : { ...values, cheat: 'none', pictures: 'off', shards: 'off', hub: 'off' };
}
