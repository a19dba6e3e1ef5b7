import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';

export type SetupSettings = Partial<Omit<LlamaEngineOptions, 'modelPath' | 'modelRoot'>>;

/** A way to run a model on this machine. Several may be of one numeric class: their drift is measured together. */
export interface EngineSetup {
  readonly name: string;
  readonly settings: SetupSettings;
  /** Replies served at a time. */
  readonly streams: number;
  /** Measured if it is named, and not where all are: few machines have it, or few operators run it. */
  readonly isOnRequest: boolean;
}

/** Replies served at a time if the kernels give the same bits whatever runs beside. */
const EXACT_STREAMS = 8;

const setup = <N extends string>(name: N, settings: SetupSettings, streams = 1) => ({
  ...{ name, settings, streams },
  isOnRequest: false,
});
const onRequest = <N extends string>(...given: Parameters<typeof setup<N>>) => ({
  ...setup<N>(...given),
  isOnRequest: true,
});

/**
 * The setups that an honest operator may run. Opening a setup shows whether this machine can run it. Only append to this list: the
 * position decides the seeds. The lab runs the same setups under its own names.
 */
export const SETUPS = [
  setup('exact', { kernels: 'exact' }, EXACT_STREAMS),
  setup('exact-native', { kernels: 'exact', isa: 'native' }, EXACT_STREAMS),
  setup('exact-threads', { kernels: 'exact', threads: 2 }, EXACT_STREAMS),
  setup('reference', { kernels: 'reference' }),
  setup('plain', { kernels: 'plain' }),
  setup('plain-8', { kernels: 'plain' }, 8),
  setup('plain-no-flash', { kernels: 'plain', flashAttention: false }),
  setup('plain-unified', { kernels: 'plain', kvUnified: true }, 8),
  setup('fast', { kernels: 'fast' }),
  setup('fast-8', { kernels: 'fast' }, 8),
  setup('fast-threads', { kernels: 'fast', threads: 2 }),
  setup('fast-no-flash', { kernels: 'fast', flashAttention: false }),
  setup('fast-native', { kernels: 'fast', isa: 'native' }),
  setup('fast-sse', { kernels: 'fast', isa: 'sse42' }),
  setup('fast-scalar', { kernels: 'fast', isa: 'x64' }),
  onRequest('exact-avx512', { kernels: 'exact', isa: 'skylakex' }, EXACT_STREAMS),
  onRequest('fast-avx512', { kernels: 'fast', isa: 'skylakex' }),
  onRequest('exact-kv-q8', { kernels: 'exact', kvType: 'q8_0' }, EXACT_STREAMS),
  onRequest('fast-kv-q8', { kernels: 'fast', kvType: 'q8_0' }),
  // Another back end, on whatever device the machine has; slow on Mesa's software driver.
  // Named explicitly, since the automatic choice depends on measured time.
  onRequest('vulkan', { backend: 'vulkan', shapes: 'wide' }, EXACT_STREAMS),
  // A choice of an operator whose texts repeat. For other texts a guess costs more than it saves (docs/adr/passes.md).
  onRequest('exact-drafts', { kernels: 'exact', drafts: 3 }, EXACT_STREAMS),
  onRequest('fast-drafts', { kernels: 'fast', drafts: 3 }),
  onRequest('fast-2', { kernels: 'fast' }, 2),
  onRequest('fast-4', { kernels: 'fast' }, 4),
  onRequest('exact-kv-q4', { kernels: 'exact', kvType: 'q4_0' }, EXACT_STREAMS),
  // Processors with AVX and no more, and the first ones with AVX-512: each library computes bits of its own.
  onRequest('fast-sandybridge', { kernels: 'fast', isa: 'sandybridge' }),
  onRequest('fast-ivybridge', { kernels: 'fast', isa: 'ivybridge' }),
  onRequest('fast-piledriver', { kernels: 'fast', isa: 'piledriver' }),
  onRequest('fast-cannonlake', { kernels: 'fast', isa: 'cannonlake' }),
  onRequest('vulkan-single', { backend: 'vulkan', shapes: 'single' }, EXACT_STREAMS),
  onRequest('exact-tiled', { kernels: 'tiled' }, EXACT_STREAMS),
  // The first NVIDIA card. Passes of several replies depend on timing, but in shape classes.
  onRequest('cuda', { backend: 'cuda', kernels: 'plain' }),
  onRequest('cuda-8', { backend: 'cuda', kernels: 'plain' }, 8),
  onRequest('cuda-shaped', { backend: 'cuda', kernels: 'shaped', shapes: 'wide' }, EXACT_STREAMS),
  onRequest('cuda-shaped-single', { backend: 'cuda', kernels: 'shaped', shapes: 'single' }, EXACT_STREAMS),
] as const satisfies readonly EngineSetup[];

export type EngineSetupName = (typeof SETUPS)[number]['name'];

/** @returns undefined for a name that there is none of. */
export function findSetup(name: EngineSetupName): EngineSetup;
export function findSetup(name: string): EngineSetup | undefined;
export function findSetup(name: string): EngineSetup | undefined {
  return SETUPS.find((each) => each.name === name);
}

/** The checking side of the default pairs: the two extremes between which kernels differ. */
export const DEFAULT_VERIFIERS: readonly string[] = ['exact', 'fast'];

const SEEDS_PER_SETUP = 10_000_000;

/**
 * Seeds of a setup's replies. No two setups share a seed: two replies to one prompt under one draw key are not two samples, even
 * from two setups.
 * @param count 0..10,000,000.
 */
export function listSeeds({ name }: Pick<EngineSetup, 'name'>, count: number): number[] {
  const first =
    1 +
    SEEDS_PER_SETUP *
      Math.max(
        0,
        SETUPS.findIndex((each) => each.name === name),
      );
  return Array.from({ length: count }, (_, i) => first + i);
}
