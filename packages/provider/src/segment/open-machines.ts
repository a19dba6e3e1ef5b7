import { createUpstreamRows } from '@ogong/engine/decode/segment-chain';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { type ChainedTextOptions, openChainedTextEngine } from '@ogong/engine/llama-cpp/segment/chained-engine';
import type { HostPort } from '@ogong/host/config/values';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { openFileHashes } from '@ogong/models/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { type BringSlabOptions, type BroughtSlab, cutSlab, isSlabFile, openSlabFile } from './bring-slab.ts';
import { openRemoteSegment, type RemoteSegment, type RemoteSegmentOptions } from './remote-segment.ts';
import { shareCores } from './share-cores.ts';

export interface MachinesSettings extends BringSlabOptions, Pick<ChainedTextOptions, 'isa' | 'kernels' | 'kvType'> {
  /** The last slab of a model, or the whole model. */
  readonly model: string;
  /** Machines with the layers before, in their order. */
  readonly others: readonly HostPort[];
  readonly identity: LinkIdentity;
  readonly threads: number | undefined;
  /** Default: the least of the machines. */
  readonly contextSize: number | undefined;
  readonly sequences: number | undefined;
  readonly onConnecting?: RemoteSegmentOptions['onProgress'];
  readonly log: LoadingPlace['log'];
}

/** Layers of one machine. */
export interface MachineLayers {
  /** `host:port`, or `this machine`. */
  readonly machine: string;
  /** First and last layer, such as `0-15`. */
  readonly layers: string;
}

/** A model over several machines of one owner. This one has its last layers. */
export interface OpenedMachines {
  /** Its `close` ends the links, too. */
  readonly engine: LlamaEngine;
  readonly slab: BroughtSlab;
  readonly machines: readonly MachineLayers[];
}

/** @throws EngineError that names the machine and the remedy; SlabError, ModelError for the slab of this machine. */
export async function openMachines(settings: MachinesSettings): Promise<OpenedMachines> {
  const remotes = await connectAll(settings);
  const closeAll = async (): Promise<void> => {
    await Promise.all(remotes.map((remote) => remote.close()));
  };
  try {
    const slab = await bringLast(settings, assertOneModel(remotes));
    const engine = await openLast(settings, { remotes, slab });
    return {
      engine: {
        ...engine,
        async close() {
          await engine.close();
          await closeAll();
        },
      },
      slab,
      machines: [
        ...remotes.map(({ machine, range }) => ({ machine, layers: `${range.from}-${range.to - 1}` })),
        { machine: 'this machine', layers: `${slab.range.from}-${slab.range.to - 1}` },
      ],
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function connectAll({
  others,
  identity,
  onConnecting,
  signal,
}: MachinesSettings): Promise<readonly RemoteSegment[]> {
  const attempts = await Promise.allSettled(
    others.map((endpoint) =>
      openRemoteSegment({
        ...{ endpoint, identity },
        ...(onConnecting && { onProgress: onConnecting }),
        ...(signal && { signal }),
      }),
    ),
  );
  const opened = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (failed === undefined) return opened;
  await Promise.all(opened.map((remote) => remote.close()));
  throw failed.reason;
}

const refuse = (reason: string): EngineError => new EngineError('unsupported-model', reason);

/** @returns the last of the other machines. @throws EngineError if they do not hold the first layers of one model, in their order. */
function assertOneModel(remotes: readonly RemoteSegment[]): RemoteSegment {
  let before: RemoteSegment | undefined;
  for (const remote of remotes) {
    const { range, machine } = remote;
    const expected = before?.range.to ?? 0;
    if (range.from !== expected)
      throw refuse(
        `${machine} begins at layer ${range.from}, and layer ${expected} is next; name the machines in the order of their layers`,
      );
    if (before !== undefined) assertSameModel(before, remote);
    before = remote;
  }
  if (before === undefined) throw new EngineError('invalid-request', 'name at least one other machine');
  return before;
}

function assertSameModel(before: RemoteSegment, { range, machine, info }: RemoteSegment): void {
  const known = before.range;
  const isOther = known.modelRoot !== undefined && range.modelRoot !== undefined && known.modelRoot !== range.modelRoot;
  if (isOther || known.layers !== range.layers || before.info().embeddingSize !== info().embeddingSize)
    throw refuse(`${machine} has layers of another model than ${before.machine}`);
  assertSameClass(before, info().numericClass, machine);
}

function assertSameClass(before: RemoteSegment, numericClass: string, machine: string): void {
  const other = before.info().numericClass;
  if (other !== numericClass)
    throw refuse(
      `${before.machine} computes in the numeric class ${other}, ${machine} in ${numericClass}; a receipt names one. Start both with the same --isa, --kernels and --kv-type`,
    );
}

/** The leader alone marks a class in which no exactness is proven. */
const withoutProof = (numericClass: string): string => numericClass.replace(/\/unproven$/, '');

/** @throws EngineError if the layers of this machine do not follow those of the others. */
async function bringLast(settings: MachinesSettings, before: RemoteSegment): Promise<BroughtSlab> {
  const { from, layers, modelRoot } = { ...before.range, from: before.range.to };
  const { model } = settings;
  const slab = isSlabFile(model)
    ? await openSlabFile(model, settings)
    : await cutSlab(model, () => ({ from, to: layers }), settings);
  const { range } = slab;
  if (range.modelRoot === undefined)
    throw refuse(`nothing says which model ${model} is a slab of; keep the manifest of ogong model split beside it`);
  if (range.from !== from || range.to !== layers || range.layers !== layers)
    throw refuse(
      `${model} has layers ${range.from} to ${range.to - 1} of ${range.layers}; layers ${from} to ${layers - 1} of ${layers} are needed behind ${before.machine}`,
    );
  if (modelRoot !== undefined && modelRoot !== range.modelRoot)
    throw refuse(`${before.machine} has layers of another model than ${model}`);
  return slab;
}

async function openLast(
  { isa, kernels, kvType, threads, modelsDir, log, others, ...wanted }: MachinesSettings,
  { remotes, slab }: { readonly remotes: readonly RemoteSegment[]; readonly slab: BroughtSlab },
): Promise<LlamaEngine> {
  const infos = remotes.map((remote) => remote.info());
  const contextSize = Math.min(
    ...infos.map((info) => info.contextSize),
    wanted.contextSize ?? Number.POSITIVE_INFINITY,
  );
  // Each segment has one more sequence, in which replies run again.
  const sequences = Math.min(...infos.map((info) => info.sequences - 1), wanted.sequences ?? Number.POSITIVE_INFINITY);
  const engine = await openChainedTextEngine(
    {
      ...{ last: slab.path, expected: slab, hashes: openFileHashes(modelsDir), contextSize, sequences },
      modelRoot: fromHex(slab.range.modelRoot as string),
      before: createUpstreamRows(remotes),
      ...(slab.whole && { weights: slab.whole.weights }),
      ...(isa !== undefined && { isa }),
      ...(kernels !== undefined && { kernels }),
      ...(kvType !== undefined && { kvType }),
      ...(threads === undefined ? { cores: shareCores(others) } : { threads }),
    },
    {
      onEvent: (event) => {
        if (event.kind === 'crashed') log.warn(event, 'the engine process ended');
      },
    },
  );
  try {
    assertSameClass(remotes.at(-1) as RemoteSegment, withoutProof(engine.info().numericClass), 'this machine');
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
