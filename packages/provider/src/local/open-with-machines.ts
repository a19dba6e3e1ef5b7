import { EngineError } from '@ogong/engine/interface/engine-error';
import { resolveModel } from '@ogong/engine/resolve-model';
import { ConfigError } from '@ogong/host/config/config-error';
import type { HostPort } from '@ogong/host/config/values';
import { createOrLoadMachinesSeed } from '@ogong/host/crypto/key-files';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { systemClock } from '@ogong/host/time/clock';
import { createModelStore } from '@ogong/models/store';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { createLoadedModels } from '../engine/loaded-models.ts';
import { findMachinesKey } from '../segment/machines-config.ts';
import { openMachines } from '../segment/open-machines.ts';
import type { RemoteSegmentOptions } from '../segment/remote-segment.ts';
import type { ShelfModel } from './model-shelf.ts';
import type { LocalModels, LocalSettings } from './open-local-models.ts';
import { createStoreLibrary } from './store-library.ts';
import { referenceOf } from './store-shelf.ts';

export interface MachinesLocalSettings extends LocalSettings {
  /** Other machines of this owner, in the order of their layers. */
  readonly with: readonly HostPort[];
  readonly machinesKey: string | undefined;
  readonly dataDir: string;
}

const REFERENCE = 'machines:';

/**
 * Opens one model over several machines of this owner, for local mode. It is the only model that is served.
 * @throws ConfigError for settings that such a model does not have; EngineError that names the machine and the remedy.
 */
export async function openModelWithMachines(
  command: string,
  settings: MachinesLocalSettings,
  place: LoadingPlace & { readonly onConnecting?: RemoteSegmentOptions['onProgress'] },
): Promise<LocalModels> {
  const { modelsDir, hubEndpoint, hubToken, kernels, kvType, isa, threads, nCtx, sequences } = settings;
  const [model, ...more] = settings.model;
  if (model === undefined || more.length > 0)
    throw new ConfigError(command, ['--with is for one model: name it, or its last slab, with --model']);
  const hub = { ...(hubEndpoint && { endpoint: hubEndpoint }), ...(hubToken && { token: hubToken.reveal() }) };
  const { engine, slab, machines } = await openMachines({
    ...place,
    ...{ model, modelsDir, hub, kvType: kvType ?? 'f16', isa, threads, contextSize: nCtx, sequences },
    kernels: readKernels(command, settings, kernels),
    others: settings.with,
    identity: createLinkIdentity(createOrLoadMachinesSeed(findMachinesKey(settings))),
  });
  const openedAtMs = systemClock.nowMs();
  const isPlace = /[/\\]|\.gguf$/i.test(model);
  const path = slab.whole?.path ?? slab.path;
  const shelved: ShelfModel = {
    name: isPlace ? slab.name : model,
    aliases: [model, slab.name],
    ...{ reference: `${REFERENCE}${referenceOf(slab.path)}`, path, machines },
    ...{ sizeBytes: slab.sizeBytes, modifiedAtMs: openedAtMs, modelRoot: slab.range.modelRoot as string },
  };
  return {
    shelf: { list: async () => [shelved] },
    library: createStoreLibrary(createModelStore(modelsDir), (reference, options) =>
      resolveModel(reference, { storeDir: modelsDir, hub, ...options }),
    ),
    loaded: createLoadedModels({
      clock: systemClock,
      keepMs: Number.POSITIVE_INFINITY,
      first: [{ engine, loadedAtMs: openedAtMs, reference: shelved.reference }],
      load: async () => {
        throw new EngineError(
          'engine-closed',
          'the model was unloaded; start this program again to connect its machines',
        );
      },
    }),
    names: [shelved.name],
  };
}

/** Refuses settings that a model over several machines does not have. @throws ConfigError */
function readKernels(
  command: string,
  { backend, mmproj, adapter, embeddedImage, draftModel, gpuLayers }: MachinesLocalSettings,
  kernels: LocalSettings['kernels'],
): 'exact' | 'tiled' {
  const refused = [
    ...(backend !== undefined && backend !== 'cpu' && backend !== 'auto' ? ['--backend'] : []),
    ...(mmproj !== undefined ? ['--mmproj'] : []),
    ...(adapter.length > 0 ? ['--adapter'] : []),
    ...((embeddedImage ?? []).length > 0 ? ['--embedded-image'] : []),
    ...(draftModel !== undefined ? ['--draft-model'] : []),
    ...(gpuLayers !== undefined ? ['--gpu-layers'] : []),
  ];
  if (refused.length > 0)
    throw new ConfigError(command, [
      `${refused.join(', ')}: a model over several machines runs on their CPUs, as it is`,
    ]);
  if (kernels === undefined || kernels === 'exact' || kernels === 'tiled') return kernels ?? 'exact';
  throw new ConfigError(command, [`--kernels ${kernels}: a model over several machines has exact or tiled kernels`]);
}
