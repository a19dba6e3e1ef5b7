#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import type { Engine } from '@ogong/engine/open-engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createLoadingLines } from '../commands/loading-lines.ts';
import { addEncoder } from '../engine/encoder-flag.ts';
import { type EngineSettings, type LoadingPlace, loadModel, loadModels, SCORES_ONLY } from '../engine/engine-config.ts';
import { openHeldSegments } from '../engine/open-held-segments.ts';
import { createOnDemandPool, type OnDemandPool, openOnDemandModels } from '../engine/open-on-demand-models.ts';
import { createFollowedHub } from '../verifier/followed-hub.ts';
import { openVerifier } from '../verifier/open-verifier.ts';
import { verifierConfig } from '../verifier/verifier-config.ts';

const NAME = 'ogong-verifierd';
/** Its provider waits with a new model until this verifier has it. */
const FOLLOW_MS = 2_000;

interface Opened {
  readonly engines: Engine[];
  /** Of models that are loaded on demand. */
  readonly pool?: OnDemandPool;
  closeEngines(): Promise<void>;
}

async function openEngines(
  {
    model: named,
    onDemand,
    hubOf,
    ...given
  }: EngineSettings & {
    readonly model: readonly string[];
    readonly onDemand: boolean;
    readonly hubOf: string | undefined;
  },
  place: LoadingPlace,
): Promise<Opened> {
  const settings = { ...given, ...SCORES_ONLY };
  const model = addEncoder(named, given.mmproj);
  if (onDemand || hubOf !== undefined) {
    const pool = createOnDemandPool(settings, place);
    const models = await openOnDemandModels(
      model.map((reference) => ({ reference })),
      pool,
    );
    return { engines: models.map(({ engine }) => engine), pool, closeEngines: pool.close };
  }
  const loaded = await loadModels(model, loadModel, settings, place);
  const engines = loaded.map(({ engine }) => engine);
  return {
    engines,
    async closeEngines() {
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

async function start(signal: AbortSignal): Promise<Daemon> {
  const parsed = verifierConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const { hubOf: directory } = values;
  if (values.model.length + values.segment.length === 0 && directory === undefined)
    throw new ConfigError(NAME, ['--model, --segment or --hub-of is required: a verifier runs replies again on them']);
  const context = await openDaemon({ name: NAME, role: 'verifier' }, values);
  const { identity, log } = context;
  const place = {
    ...{ log, signal },
    // A service's standard error holds its log, and nothing else.
    ...(process.stderr.isTTY && createLoadingLines((text) => process.stderr.write(text), true)),
  };
  const { engines, pool, closeEngines } = await openEngines(values, place);
  const held = await openHeldSegments(values.segment, values, place).catch(async (error: unknown) => {
    await closeEngines();
    throw error;
  });
  const { verifier, close } = openVerifier(
    {
      ...{ dataDir: values.dataDir, bind: values.bind, relays: values.relay, maxWaiting: values.maxWaiting },
      calibrateWith: values.calibrateWith,
      providers: values.provider.map((id) => fromHex(id)),
    },
    { context, engines, segments: held.segments, randomBytes },
  );
  const followed =
    pool && directory !== undefined
      ? createFollowedHub({ directory, intervalMs: FOLLOW_MS }, { crypto: nodeCrypto, pool, engines, log })
      : undefined;
  await context.start();
  await verifier.start();
  followed?.start();
  return {
    ready: {
      ...context.ready,
      address: verifier.address(),
      certHash: toHex(identity.id),
      keyHash: toHex(verifier.keyHash),
      modelRoots: engines.map((engine) => toHex(engine.info().modelRoot)),
      segments: held.segments.map(({ modelRoot, firstLayer, layers, totalLayers }) => ({
        modelRoot: toHex(modelRoot),
        layers: `${firstLayer}-${firstLayer + layers - 1} of ${totalLayers}`,
      })),
    },
    async stop() {
      await Promise.all([followed?.stop(), verifier.stop()]);
      await context.stop();
      await close();
      await Promise.all([closeEngines(), held.close()]);
    },
  };
}

await runDaemon(start, { name: NAME });
