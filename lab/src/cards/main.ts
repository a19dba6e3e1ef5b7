// npm run cards: what a real GPU gives: whether it repeats itself, what a check costs there, and how far it drifts from others.
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { inspectMachine } from '@ogong/engine/llama-cpp/device/inspect-machine';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { Backend } from '@ogong/engine/llama-cpp/library';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer, oneOf, text } from '@ogong/host/config/values';
import { describeFailure, getExitCode } from '@ogong/host/log/errors';
import type { FileHashes } from '@ogong/models/file-hashes';
import { openFileHashes } from '@ogong/models/store';
import { TIMED_WORK } from '@ogong/protocol/audit/timed-work';
import { openSampleStore } from '@ogong/provider/calibration/sample-store';
import { SCORES_ONLY } from '@ogong/provider/engine/engine-config';
import { describeCode } from '../bench/report.ts';
import type { Experiment } from '../detection/plan/experiments.ts';
import { formatAttacks, formatEjections, formatHonest } from '../detection/report/render-tables.ts';
import type { DetectionResults } from '../detection/results.ts';
import { collectExperiment, sourceId } from '../detection/sample/collect.ts';
import { createEnginePool } from '../detection/sample/engine-pool.ts';
import { labModelsField } from '../lab-models.ts';
import { CARD_TOKENS, listCardExperiments, listSetupsHere } from './card-samples.ts';
import { measureChallenges } from './challenge.ts';
import { measureCost } from './cost.ts';
import { judgeCards } from './judge.ts';
import { measurePasses } from './passes.ts';
import { measureRepeats } from './repeat.ts';
import { CARD_WAY_NAMES, CARD_WAYS, type CardWayName } from './ways.ts';

const config = defineConfig({
  name: 'npm run cards --',
  summary:
    'Measures a graphics card, one part at a time: `repeat`, whether replies are the same again, side by side, and where one pass\n' +
    'scores them; `cost`, what that pass costs beside making the reply; `passes`, how many rows of a pass have the same bits;\n' +
    '`challenge`, how fast timed challenges are answered, for one key and for several; `sample`, honest replies and cheats\n' +
    'between the processor and the card, which `judge` makes tables of.',
  positionals: { label: '<repeat|cost|passes|challenge|sample|judge>', max: 1 },
  fields: {
    way: {
      schema: oneOf(CARD_WAY_NAMES),
      repeatable: true,
      description: `how to run the model: ${CARD_WAY_NAMES.join(', ')}; all if not given`,
    },
    model: { schema: text, label: '<path>', description: 'a GGUF file, of the first four' },
    name: { schema: text, label: '<name>', default: 'model', description: 'what the rows call it' },
    promptTokens: {
      schema: integer({ min: 2, max: 8000 }),
      label: '<n>',
      default: '120',
      description: 'of the longest prompt',
    },
    maxTokens: { schema: integer({ min: 1, max: 1024 }), label: '<n>', default: '64', description: 'of a reply' },
    rounds: { schema: integer({ min: 1, max: 100 }), label: '<n>', default: '3', description: 'of `cost`' },
    runs: { schema: integer({ min: 1, max: 1000 }), label: '<n>', default: '100', description: 'of `challenge`' },
    keys: { schema: integer({ min: 1, max: 64 }), label: '<n>', default: '16', description: 'asked at once, at most' },
    verifiers: {
      schema: integer({ min: 1, max: 64 }),
      label: '<n>',
      default: '8',
      description: 'of `challenge` that share the card, at most',
    },
    start: {
      schema: integer({ min: 1, max: 100_000 }),
      label: '<n>',
      repeatable: true,
      description: 'positions where `passes` compares; 64, 320 and 2304 if not given',
    },
    honest: {
      schema: integer({ min: 0 }),
      label: '<n>',
      default: '600',
      description: 'honest replies of a pair of classes',
    },
    alike: { schema: integer({ min: 0 }), label: '<n>', default: '100', description: 'of a class with itself' },
    software: {
      schema: integer({ min: 0 }),
      label: '<n>',
      default: '40',
      description: 'of the card, seen by a software device',
    },
    cheat: { schema: integer({ min: 0 }), label: '<n>', default: '60', description: 'replies of a cheat' },
    weights: {
      schema: oneOf(['f16', 'q8_0']),
      repeatable: true,
      description: 'what `sample` sells; both if not given',
    },
    provider: { schema: text, label: '<name>', repeatable: true, description: 'samples of these alone' },
    serveOnly: { schema: oneOf(['yes', 'no']), default: 'no', description: 'serve, and score nothing' },
    samples: {
      schema: text,
      label: '<path>',
      default: join(homedir(), '.ogong', 'cards', 'samples.sqlite'),
      description: 'where samples are kept',
    },
    ...labModelsField,
    json: { schema: text, label: '<path>', description: 'append the rows there, one JSON object a line' },
  },
});

type Values = Extract<ReturnType<typeof config.parse>, { readonly values: unknown }>['values'];

async function main(): Promise<void> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    return;
  }
  const { values, positionals } = parsed;
  const [part] = positionals;
  if (part === 'repeat' || part === 'cost' || part === 'challenge') return measureWays(part, values);
  if (part === 'passes') return measureShapes(values);
  if (part === 'sample') return sample(values);
  if (part === 'judge') return judge(values);
  throw new ConfigError(config.definition.name, ['say what to do: repeat, cost, passes, challenge, sample or judge']);
}

async function measureWays(part: 'repeat' | 'cost' | 'challenge', values: Values): Promise<void> {
  const { name: model, json } = values;
  const hashes = openFileHashes(values.modelsDir);
  const ways: readonly CardWayName[] = values.way.length === 0 ? CARD_WAY_NAMES : values.way;
  for (const way of ways) {
    const started = performance.now();
    try {
      const row = await measureWay(part, way, { ...values, modelPath: modelOf(values), hashes });
      report({ part, way, model, ...row, elapsedMs: Math.round(performance.now() - started) }, json);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      console.error(`left out: ${way}: ${error.message}`);
    }
  }
}

type WayValues = Pick<Values, 'name' | 'promptTokens' | 'maxTokens' | 'rounds' | 'runs' | 'keys' | 'verifiers'> & {
  readonly modelPath: string;
  readonly hashes: FileHashes;
};

async function measureWay(part: 'repeat' | 'cost' | 'challenge', way: CardWayName, values: WayValues): Promise<object> {
  const { modelPath, hashes, name: model, promptTokens, maxTokens, rounds, runs, keys, verifiers } = values;
  if (part === 'challenge') {
    const settings = { modelPath, hashes, threads: 1, ...CARD_WAYS[way] };
    const { contextSize } = TIMED_WORK;
    return measureChallenges({
      openVerifier: () => createLlamaEngine({ ...settings, ...SCORES_ONLY, contextSize, sequences: 8 }),
      openProvider: () => createLlamaEngine({ ...settings, contextSize: 512, sequences: 8 }),
      ...{ runs, mostKeys: keys, mostVerifiers: verifiers, nowMs: () => performance.now() },
    });
  }
  const common = { way, model, modelPath, hashes, promptTokens };
  if (part === 'cost') return measureCost({ ...common, outputTokens: maxTokens, rounds });
  return measureRepeats({ ...common, maxTokens, count: 8, contextSize: promptTokens + maxTokens });
}

const DEFAULT_BACKEND: Backend = 'vulkan';

function backendOf(way: CardWayName): Backend {
  const settings = CARD_WAYS[way];
  return 'backend' in settings ? settings.backend : 'cpu';
}

/** Of the processor and of the card, whichever the ways name. */
async function measureShapes(values: Values): Promise<void> {
  const { name: model, json, start } = values;
  const backends = new Set(values.way.map(backendOf));
  for (const backend of backends.size === 0 ? [DEFAULT_BACKEND] : backends) {
    const hashes = openFileHashes(values.modelsDir);
    const starts = start.length === 0 ? [64, 320, 2304] : start;
    const rows = await measurePasses({ backend, model, modelPath: modelOf(values), hashes, starts });
    for (const row of rows) report({ part: 'passes', ...row }, json);
  }
}

function modelOf({ model }: Values): string {
  if (model === undefined) throw new ConfigError(config.definition.name, ['--model is missing']);
  return model;
}

function report(row: object, json: string | undefined): void {
  const line = JSON.stringify(row);
  console.log(line);
  if (json !== undefined) appendFileSync(json, `${line}\n`);
}

/** Goes on where it was stopped. Setups that this machine lacks are left to another one, which takes the store along. */
async function sample(values: Values): Promise<void> {
  const { samples, modelsDir, provider, weights, serveOnly } = values;
  const here = listSetupsHere(inspectMachine(join(homedir(), '.ogong', 'engine')));
  mkdirSync(dirname(samples), { recursive: true });
  const store = openSampleStore(samples);
  const pool = createEnginePool(8);
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  process.once('SIGINT', () => stopping.abort());
  const isServed = (experiment: Experiment): boolean =>
    store.listSeeds(sourceId(experiment, CARD_TOKENS)).length >= experiment.replies;
  try {
    for (const experiment of listCardExperiments(values)) {
      if (provider.length > 0 && !provider.includes(experiment.provider)) continue;
      if (weights.length > 0 && !weights.some((each) => each === experiment.weights)) continue;
      if (!here.has(experiment.provider) && !isServed(experiment)) continue;
      const isScored = serveOnly === 'no' && experiment.verifier !== undefined && here.has(experiment.verifier);
      const started = performance.now();
      try {
        await collectExperiment(isScored ? experiment : { ...experiment, verifier: undefined }, {
          ...{ store, pool, modelsDir, maxTokens: CARD_TOKENS, signal: stopping.signal },
          onProgress: () => {},
        });
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        console.error(`left out: ${experiment.provider}, ${experiment.verifier}: ${error.message}`);
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.error(
        `${experiment.weights} ${experiment.source}: ${experiment.provider}, ${isScored ? experiment.verifier : 'not scored'}: ${seconds} s`,
      );
    }
  } finally {
    await pool.close();
    store.close();
  }
}

/** Prints the tables of what was sampled. */
function judge(values: Values): void {
  const { samples, json } = values;
  if (!existsSync(samples)) throw new ConfigError(config.definition.name, [`${samples} is not there; sample first`]);
  const store = openSampleStore(samples);
  try {
    const code = describeCode();
    const judged = judgeCards(store, values, {
      seed: 1,
      code,
      onProgress: (what) => process.stderr.write(`${what}\n`),
    });
    if (json !== undefined) writeFileSync(json, `${JSON.stringify({ code, ...judged })}\n`);
    console.log(formatHonest(judged.honest));
    const pairs = new Set(judged.attacks.map(({ provider, verifier }) => `${provider} → ${verifier}`));
    for (const pair of pairs) {
      const rows = judged.attacks.filter(({ provider, verifier }) => `${provider} → ${verifier}` === pair);
      console.log(`\n### ${pair}\n\n${formatAttacks(rows)}`);
    }
    console.log(`\n${formatEjections({ ejection: judged.ejection } as unknown as DetectionResults)}`);
  } finally {
    store.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = getExitCode(error);
}
