import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import type { StampedFile } from '@ogong/models/model-root';
import type { SegmentEngine } from '../../interface/segment.ts';
import type { SegmentContract } from '../../process/segment-messages.ts';
import { createSupervisor, type SupervisorEvent } from '../../process/supervisor.ts';
import { assertFitsMemory, assertKvType, type GivenMemory } from '../device/memory.ts';
import { countCores } from '../device/platform.ts';
import { assertOption } from '../engine.ts';
import { type ExpectedSlab, inspectSegmentFile, verifySlab } from './segment-file.ts';
import type { SegmentOptions } from './segment-model.ts';

export interface SegmentEngineOptions extends SegmentOptions {
  /** The slab's entry in the manifest. */
  readonly expected: ExpectedSlab;
  /** Hashes of files that were read before. Default: the slab is read in full. */
  readonly hashes?: FileHashes;
  /** Calls that may wait, besides the one that runs. Default: eight for each sequence. */
  readonly maxQueue?: number;
  /** Bytes that the segment may take. Default: the free memory of the machine. */
  readonly availableMemory?: GivenMemory;
}

/** A segment in a process of its own. After a crash it is loaded again, and its sequences are empty. */
export interface SupervisedSegment extends SegmentEngine {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

interface LlamaSegmentLoad {
  /** The slab. */
  readonly modelPath: string;
  readonly files: readonly StampedFile[];
  readonly options: SegmentOptions;
  readonly maxQueue: number;
}

export type LlamaSegmentContract = SegmentContract<LlamaSegmentLoad>;

const CALLS_PER_SEQUENCE = 8;

/**
 * Loads a slab into a supervised child process, on the CPU. The slab is compared with its entry in the manifest first.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (another slab than expected), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openSegmentEngine(
  path: string,
  { expected, hashes, availableMemory, ...options }: SegmentEngineOptions,
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<SupervisedSegment> {
  const facts = inspectSegmentFile(path);
  const { contextSize, sequences = 1, threads = 1, passRows = 512, kvType = 'f16' } = options;
  const { maxQueue = CALLS_PER_SEQUENCE * sequences, ...segment } = options;
  assertOption('contextSize', contextSize, 16, 1 << 20);
  assertOption('sequences', sequences, 1, 257);
  assertOption('threads', threads, 1, countCores());
  // The test at load needs some.
  assertOption('passRows', passRows, 16, 4096);
  assertKvType(facts, kvType, true);
  const shape = { contextSize, sequences, batchSize: passRows, kvType };
  assertFitsMemory(facts, shape, availableMemory);
  const file = await verifySlab(path, expected, hashes);
  const supervisor = await createSupervisor<LlamaSegmentContract>({
    child: { path: fileURLToPath(new URL('./segment-child.ts', import.meta.url)) },
    load: { modelPath: path, files: [file], options: segment, maxQueue },
    onEvent: hooks.onEvent,
  });
  return {
    info: () => supervisor.info(),
    run: (pass) => supervisor.call({ kind: 'run', pass }),
    drop: (sequence, position) => supervisor.call({ kind: 'drop', sequence, position }),
    close: () => supervisor.close(),
    pid: () => supervisor.pid(),
  };
}
