// npm run detect: plays every attack and measures whether the checks tell it from the sold model.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError, type EngineErrorCode } from '@ogong/engine/interface/engine-error';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, integer, oneOf, text } from '@ogong/host/config/values';
import { describeFailure, getExitCode } from '@ogong/host/log/errors';
import { openSampleStore, SAMPLES_FILE, type SampleStore } from '@ogong/provider/calibration/sample-store';
import { HONEST } from '@ogong/provider/calibration/source-id';
import { ATTACK_NAMES, ATTACKS } from '../attackers/catalogue.ts';
import { describeCode, describeMachine } from '../bench/report.ts';
import { labModelsField } from '../lab-models.ts';
import { judgeAims } from './aims/aims.ts';
import { listBroken } from './gate.ts';
import { measure } from './measure/measure.ts';
import { measureDraws } from './measure/measure-draws.ts';
import { measureVerifierRows, type VerifierMeasureOptions } from './measure/measure-verifiers.ts';
import {
  type Experiment,
  listAttackExperiments,
  listHonestExperiments,
  listLadderExperiments,
  MAIN_PAIR,
} from './plan/experiments.ts';
import { PROFILES, type Profile, SOLD_WEIGHTS } from './plan/profiles.ts';
import { findSetup } from './plan/setups.ts';
import { renderDetection } from './report/render-detection.ts';
import { encodeResults, listChanges, parseResults } from './report/results-json.ts';
import { formatSummary } from './report/summary.ts';
import type { DetectionResults } from './results.ts';
import { collectExperiment, sourceId } from './sample/collect.ts';
import { createEnginePool } from './sample/engine-pool.ts';
import { inLanes, listPasses } from './sample/lanes.ts';
import { createProgressLine } from './sample/progress.ts';

const config = defineConfig({
  name: 'npm run detect --',
  summary:
    'Plays every attack against the checks on real weights, next to honest providers, and reports what is caught.\n' +
    'Exits with 1 where an equality that must always hold does not.\n' +
    'Samples are kept: a run that was interrupted goes on where it stopped.',
  fields: {
    profile: {
      schema: oneOf(['quick', 'ci', 'nightly', 'full']),
      default: 'quick',
      description:
        'how many replies: quick (a few minutes), ci (what CI plays), nightly, or full (what docs/detection shows: hours)',
    },
    only: {
      schema: text,
      label: '<name>',
      repeatable: true,
      description: 'sample these attacks, by name, or honest providers; all if not given',
    },
    minutes: {
      schema: integer({ min: 1 }),
      label: '<n>',
      description:
        'longest sampling time, after which the samples at hand are decided; 45 with --profile nightly, else no limit',
    },
    samples: {
      schema: text,
      label: '<path>',
      default: join(homedir(), '.ogong', 'detect', SAMPLES_FILE),
      description: 'where samples are kept',
    },
    ...labModelsField,
    json: { schema: text, label: '<path>', description: 'write the results as JSON' },
    write: { schema: text, label: '<dir>', description: 'write page, plots, tables and data there' },
    sameAs: {
      schema: text,
      label: '<path>',
      description: 'results of the same samples: exits with 1 where a figure differs from theirs, times aside',
    },
    seed: { schema: integer({ min: 1, max: 2 ** 31 - 1 }), default: '1', description: 'of every resampling' },
    measureOnly: {
      schema: boolean,
      boolean: true,
      description: 'serve and score nothing: decide about the samples at hand',
    },
  },
});

const STOPPING = ['SIGINT', 'SIGTERM'] as const;

/** Enough for the sold models, their verifiers and the cheap models that several attacks share; each takes about 100 MB. */
const IDLE_ENGINES = 48;

async function main(): Promise<void> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    return;
  }
  const { values } = parsed;
  const startedMs = performance.now();
  const profile = PROFILES[values.profile];
  mkdirSync(dirname(values.samples), { recursive: true });
  const store = openSampleStore(values.samples);
  try {
    assertHonest(store, profile, values);
    const { minutes = profile.minutes } = values;
    const end = values.measureOnly ? 'whole' : await sampleUntilStopped(store, profile, { ...values, minutes });
    if (end === 'stopped') return;
    const onProgress = (what: string): void => void process.stderr.write(`${what}\n`);
    const { seed } = values;
    onProgress('draws');
    const stage1 = measureDraws(store, profile);
    const judge = () =>
      measure({
        ...{ store, profile, seed, stage1, onProgress },
        code: describeCode(),
        command: `npm run detect -- --profile ${profile.name}`,
        machine: describeMachine({ Node: process.versions.node }),
        day: new Date().toISOString().slice(0, 10),
      });
    const measured = await besideVerifiers({ seed, ...profile.verifiers }, onProgress, judge);
    const results: DetectionResults = {
      ...measured,
      aims: judgeAims(measured),
      ...(end === 'cut'
        ? { caveat: `**Cut short**: sampling ended after ${minutes} min, before all of this profile was there.` }
        : {}),
      elapsedS: Math.round((performance.now() - startedMs) / 1000),
    };
    if (values.json) writeFileSync(values.json, encodeResults(results));
    const changes =
      values.sameAs === undefined ? [] : listChanges(parseResults(readFileSync(values.sameAs, 'utf8')), results);
    if (values.write) for (const path of await renderDetection(results, values.write)) console.log(`wrote ${path}`);
    for (const line of formatSummary(results)) console.log(line);
    const broken = [...listBroken(results), ...changes.map((change) => `not the same again: ${change}`)];
    for (const line of broken) console.error(`broken: ${line}`);
    if (broken.length > 0) process.exitCode = 1;
  } finally {
    store.close();
  }
}

/** Runs the verifier measurements in parallel: they take as long as the rest and do not depend on it. */
async function besideVerifiers<T extends object>(
  options: VerifierMeasureOptions,
  onProgress: (what: string) => void,
  judge: () => Promise<T>,
): Promise<T & Pick<DetectionResults, 'verifiers' | 'auditTells'>> {
  const stopping = new AbortController();
  try {
    const beside = measureVerifierRows(options, { onProgress, signal: stopping.signal });
    const [verifiers, judged] = await Promise.all([beside, judge()]);
    return { ...judged, ...verifiers };
  } finally {
    stopping.abort();
  }
}

/** @throws ConfigError if there are no honest replies to judge attacks against, and the run samples none. */
function assertHonest(
  store: SampleStore,
  { maxTokens }: Profile,
  {
    only,
    measureOnly,
    samples,
  }: { readonly only: readonly string[]; readonly measureOnly: boolean; readonly samples: string },
): void {
  if (!measureOnly && (only.length === 0 || only.includes(HONEST))) return;
  const missing = SOLD_WEIGHTS.filter((weights) => {
    const main = { weights, source: HONEST, ...MAIN_PAIR, replies: 0 };
    return store.listSeeds(sourceId(main, maxTokens)).length === 0;
  });
  if (missing.length === 0) return;
  throw new ConfigError(config.definition.name, [
    `${samples} has no honest replies of ${missing.join(' and ')} to tell an attack from: ${measureOnly ? 'run it without --measure-only first' : `add --only ${HONEST}, or leave --only out`}`,
  ]);
}

interface SampleLimits {
  readonly modelsDir: string;
  readonly only: readonly string[];
  readonly minutes: number | undefined;
}

/** @returns `stopped` on Ctrl-C, `cut` when the time is up. Samples made until then are kept. */
async function sampleUntilStopped(
  store: SampleStore,
  profile: Profile,
  { modelsDir, only, minutes }: SampleLimits,
): Promise<'whole' | 'stopped' | 'cut'> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  const isUp = minutes === undefined ? undefined : AbortSignal.timeout(minutes * 60_000);
  for (const signal of STOPPING) process.once(signal, stop);
  try {
    const signal = isUp === undefined ? stopping.signal : AbortSignal.any([stopping.signal, isUp]);
    await sample(store, profile, { modelsDir, only, signal, isLimited: isUp !== undefined });
    return 'whole';
  } catch (error) {
    if (stopping.signal.aborted) {
      console.error('stopped; the same command goes on from here');
      process.exitCode = 130;
      return 'stopped';
    }
    if (!isUp?.aborted) throw error;
    console.error(
      `the ${minutes} min are up; the samples so far are decided, and the same command continues from here`,
    );
    return 'cut';
  } finally {
    for (const signal of STOPPING) process.off(signal, stop);
  }
}

async function sample(
  store: SampleStore,
  profile: Profile,
  {
    modelsDir,
    only,
    signal,
    isLimited,
  }: Pick<SampleLimits, 'modelsDir' | 'only'> & { readonly signal: AbortSignal; readonly isLimited: boolean },
): Promise<void> {
  const unknown = only.filter((name) => name !== HONEST && !ATTACK_NAMES.includes(name));
  if (unknown.length > 0) {
    const known = [HONEST, ...ATTACK_NAMES].join(', ');
    throw new ConfigError(config.definition.name, [`--only ${unknown.join(', ')}: no such attack; there are ${known}`]);
  }
  const attacks = only.length === 0 ? ATTACKS : ATTACKS.filter(({ name }) => only.includes(name));
  const honest = only.length === 0 || only.includes(HONEST) ? listHonestExperiments(profile) : [];
  const ladder = listLadderExperiments(profile).filter(({ source }) => attacks.some(({ name }) => name === source));
  // Honest replies of the main pair first, then attacks. If time is limited, the other pairs come last.
  const [main, others] = [honest.filter(isMainPair), honest.filter((each) => !isMainPair(each))];
  const experiments = [...main, ...listAttackExperiments(profile, attacks), ...others, ...ladder];
  const pool = createEnginePool(IDLE_ENGINES);
  try {
    for (const pass of listPasses(experiments, isLimited)) {
      const progress = createProgressLine(pass.length);
      await inLanes(pass, async (experiment, index) => {
        const context = { store, pool, modelsDir, maxTokens: profile.maxTokens, signal };
        try {
          await collectExperiment(experiment, {
            ...context,
            onProgress: (state) => progress.report(experiment, state),
          });
          progress.finish(index);
        } catch (error) {
          if (!isLeftOut(experiment, error)) throw error;
          console.error(`left out: ${experiment.provider} seen by ${experiment.verifier}: ${error.message}`);
        }
      });
    }
  } finally {
    await pool.close();
  }
}

const isMainPair = ({ model, provider, verifier }: Experiment): boolean =>
  model === undefined && provider === MAIN_PAIR.provider && verifier === MAIN_PAIR.verifier;

/** Whether this machine lacks the device, instruction set or cores of an optional setup. */
function isLeftOut({ provider, verifier }: Experiment, error: unknown): error is EngineError {
  const isOptional = [provider, verifier].some((name) => name !== undefined && findSetup(name).isOptional);
  return isOptional && error instanceof EngineError && ABSENCES.includes(error.code);
}

const ABSENCES: readonly EngineErrorCode[] = ['unsupported-model', 'invalid-request'];

try {
  await main();
} catch (error) {
  console.error(`npm run detect: ${describeFailure(error)}`);
  process.exitCode = getExitCode(error);
}
