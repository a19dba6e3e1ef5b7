import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentEngine } from '@ogong/engine/llama-cpp/segment/segment-engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { createOrLoadMachinesSeed } from '@ogong/host/crypto/key-files';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { openFileHashes } from '@ogong/models/store';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { chooseThreads } from '../engine/slab-shape.ts';
import { type BringSlabOptions, type BroughtSlab, cutSlab, openSlabFile } from './bring-slab.ts';
import { findMachinesKey, segmentConfig } from './machines-config.ts';
import { createSegmentServer } from './segment-server.ts';
import { isOwnAddress } from './share-cores.ts';

export type SegmentSettings = Extract<ReturnType<typeof segmentConfig.parse>, { kind: 'run' }>['values'];

/** `ogong-provider segment`, from its settings to a running daemon. @throws ConfigError, SlabError, EngineError, ModelError, KeyFileError */
export async function startSegment(
  settings: SegmentSettings,
  place: Pick<LoadingPlace, 'onDownload' | 'onReading' | 'signal'>,
): Promise<Daemon> {
  const { name } = segmentConfig.definition;
  const { listen, nCtx, sequences, threads, kernels, kvType, isa, modelsDir, hubEndpoint, hubToken } = settings;
  const log = createLogger({ name, level: settings.logLevel });
  const keyPath = findMachinesKey(settings);
  const identity = createLinkIdentity(createOrLoadMachinesSeed(keyPath));
  const hub = { ...(hubEndpoint && { endpoint: hubEndpoint }), ...(hubToken && { token: hubToken.reveal() }) };
  const slab = await bringSlab(settings, { ...place, modelsDir, hub });
  const shape = {
    contextSize: nCtx,
    sequences,
    isa,
    kernels,
    kvType,
    ...(slab.whole && { weights: slab.whole.weights }),
  };
  const engine = await openSegmentEngine(
    slab.path,
    {
      ...segmentOptionsOf(shape),
      expected: slab,
      hashes: openFileHashes(modelsDir),
      // A segment on a loopback address has its leader on this machine.
      threads: chooseThreads({ threads }, { weightBytes: slab.sizeBytes }, isOwnAddress(listen, {}) ? 2 : 1),
    },
    {
      onEvent: (event) => {
        if (event.kind === 'crashed') log.warn(event, 'the engine process ended');
      },
    },
  );
  const server = await serve({ listen, identity, range: slab.range }, { engine, log });
  const { from, to, layers } = slab.range;
  const { numericClass } = engine.info();
  return {
    ready: {
      ...{ address: server.address(), model: slab.name, layers: `${from}-${to - 1} of ${layers}`, numericClass },
      machinesKey: keyPath,
    },
    stop: () => server.stop(),
  };
}

/** Closes the engine if the server does not start. */
async function serve(...[options, parts]: Parameters<typeof createSegmentServer>) {
  try {
    const server = createSegmentServer(options, parts);
    await server.start();
    return server;
  } catch (error) {
    await parts.engine.close();
    throw error;
  }
}

function bringSlab({ slab, model, layers }: SegmentSettings, options: BringSlabOptions): Promise<BroughtSlab> {
  const { name } = segmentConfig.definition;
  if ((slab === undefined) === (model === undefined))
    throw new ConfigError(name, ['name either a slab with --slab, or a model with --model and --layers']);
  if (slab !== undefined) {
    if (layers !== undefined) throw new ConfigError(name, ['--layers is for --model; a slab has its layers']);
    return openSlabFile(slab, options);
  }
  if (layers === undefined) throw new ConfigError(name, ['--model needs --layers, such as 0-15']);
  return cutSlab(model as string, () => layers, options);
}
