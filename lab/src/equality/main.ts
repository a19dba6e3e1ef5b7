// npm run equality: serves conversations in an exact class, runs every reply again, and counts those that differ in a bit.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer, oneOf, text } from '@ogong/host/config/values';
import { describeFailure, getExitCode } from '@ogong/host/log/errors';
import { describeCode, describeMachine } from '../bench/report.ts';
import { findModel, MODEL_NAMES } from '../detection/plan/models.ts';
import { labModelsField } from '../lab-models.ts';
import { type EqualityRun, encodeRun, parseRun } from './run-file.ts';
import { addCounts, NO_COUNTS, type RoundCounts, serveRound } from './serve-round.ts';
import { CONTEXT, MOST_STREAMS, WAY_NAMES, WAYS, type WayName } from './ways.ts';

const config = defineConfig({
  name: 'npm run equality --',
  summary:
    'Serves conversations side by side in an exact class and runs every reply again, until so many tokens were compared:\n' +
    'prompts of all kinds and lengths, any sampler settings, one to eight at a time, prefixes from the cache, drafts, some\n' +
    'cancelled. Exits with 1 if a reply is not reproduced to the last bit. A stopped run goes on from its file.',
  fields: {
    way: {
      schema: oneOf(WAY_NAMES),
      default: 'exact',
      description: `how to serve: ${WAY_NAMES.join(', ')}`,
    },
    model: { schema: oneOf(MODEL_NAMES), default: 'stories15M', description: 'what to serve' },
    weights: { schema: text, label: '<type>', default: 'f16', description: 'weight type of the model' },
    tokens: {
      schema: integer({ min: 1, max: 1e8 }),
      label: '<n>',
      default: '10000',
      description: 'output tokens to compare',
    },
    maxTokens: {
      schema: integer({ min: 1, max: 256 }),
      label: '<n>',
      default: '96',
      description: 'most tokens of one reply',
    },
    promptTokens: {
      schema: integer({ min: 0, max: 8000 }),
      label: '<n>',
      default: '400',
      description: 'a third of the prompts are drawn out to lengths up to this',
    },
    nCtx: {
      schema: integer({ min: 256, max: 8192 }),
      label: '<n>',
      default: String(CONTEXT),
      description: 'positions of a conversation, prompt and reply',
    },
    json: {
      schema: text,
      label: '<path>',
      description: 'file of the results; a run by the same code and settings goes on, one by other code is replaced',
    },
    ...labModelsField,
  },
});

async function main(): Promise<void> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    return;
  }
  const { way, model, weights, tokens, maxTokens, promptTokens, nCtx, json, modelsDir } = parsed.values;
  const code = describeCode();
  const wanted = { way, model, weights, code, maxTokens, promptTokens, nCtx };
  const earlier = json === undefined ? undefined : readEarlier(json, wanted);
  let run: EqualityRun = isSameRun(earlier, wanted)
    ? earlier
    : { version: 1, ...wanted, machine: describeMachine({}), day: '', numericClass: '', rounds: 0, counts: NO_COUNTS };
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  process.stderr.write(`loading ${model} ${weights}, ${way}\n`);
  const engines = await openEngines(way, await findModel(model, weights, modelsDir), nCtx);
  try {
    while (run.counts.tokens < tokens && !stopping.signal.aborted) {
      const onReply = createProgress(run.counts, tokens);
      const plan = { seed: run.rounds + 1, maxTokens, promptTokens };
      const round = await serveRound({ ...engines, ...plan, signal: stopping.signal, onReply });
      // An interrupted round is not counted, and is served again next time.
      if (stopping.signal.aborted) break;
      const counts = addCounts(run.counts, round);
      const { numericClass } = engines.provider.info();
      run = { ...run, rounds: run.rounds + 1, counts, numericClass, day: new Date().toISOString().slice(0, 10) };
      if (json !== undefined) {
        mkdirSync(dirname(json), { recursive: true });
        writeFileSync(json, encodeRun(run));
      }
      if (round.differing > 0) console.error(`broken: ${round.differing} replies of round ${run.rounds} differ`);
    }
  } finally {
    await Promise.all([engines.provider.close(), engines.verifier.close()]);
  }
  if (stopping.signal.aborted) {
    console.error(json === undefined ? 'stopped' : 'stopped; the same command goes on from here');
    process.exitCode = 130;
  }
  console.log(`${run.numericClass}: ${describeCounts(run.counts)} in ${run.rounds} rounds`);
  if (run.counts.differing > 0) process.exitCode = 1;
}

const EVERY_MS = 10_000;

/** Prints a line on standard error at intervals. */
function createProgress(before: RoundCounts, wanted: number): (counts: RoundCounts) => void {
  let total = before;
  let last = performance.now();
  return (counts) => {
    total = addCounts(total, counts);
    if (performance.now() - last < EVERY_MS) return;
    last = performance.now();
    process.stderr.write(`${describeCounts(total)} of ${wanted}\n`);
  };
}

/** @throws ConfigError if the file holds another run, which would be overwritten. */
function readEarlier(path: string, wanted: Pick<EqualityRun, 'way' | 'model' | 'weights'>): EqualityRun | undefined {
  if (!existsSync(path)) return undefined;
  const refuse = (what: string): ConfigError =>
    new ConfigError(config.definition.name, [`--json ${path}: ${what}; name another file`]);
  let run: EqualityRun;
  try {
    run = parseRun(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refuse(`not the results of such a run (${(error as Error).message})`);
  }
  const isOther = run.way !== wanted.way || run.model !== wanted.model || run.weights !== wanted.weights;
  if (isOther) throw refuse(`holds results of ${run.way}, ${run.model}, ${run.weights}`);
  return run;
}

/** Whether a run may be continued: the same code, and no uncommitted changes, which cannot be compared. */
function isSameRun(
  earlier: EqualityRun | undefined,
  wanted: Pick<EqualityRun, 'way' | 'model' | 'weights' | 'code' | 'maxTokens' | 'promptTokens' | 'nCtx'>,
): earlier is EqualityRun {
  return (
    earlier !== undefined &&
    !wanted.code.endsWith('-dirty') &&
    (Object.keys(wanted) as (keyof typeof wanted)[]).every((key) => earlier[key] === wanted[key])
  );
}

async function openEngines(
  way: WayName,
  modelPath: string,
  contextSize: number,
): Promise<{ readonly provider: LlamaEngine; readonly verifier: LlamaEngine }> {
  const { provider: serving, verifier: checking } = WAYS[way];
  const shared = { modelPath, threads: 1, contextSize };
  const provider = await createLlamaEngine({ ...shared, ...serving, sequences: MOST_STREAMS });
  try {
    if (!provider.info().exact) {
      throw new ConfigError(config.definition.name, [`--way ${way}: this machine's build is not exact in it`]);
    }
    return { provider, verifier: await createLlamaEngine({ ...shared, ...checking, sequences: 1 }) };
  } catch (error) {
    await provider.close();
    throw error;
  }
}

const describeCounts = ({ replies, tokens, differing, cached, drafted, cancelled }: RoundCounts): string =>
  `${replies} replies, ${differing} differ; ${cached} prompt tokens from the cache, ${drafted} from drafts, ${cancelled} cancelled; ${tokens} tokens`;

try {
  await main();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = getExitCode(error);
}
