import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import { EngineError } from '../../interface/engine-error.ts';
import type { UpstreamRows } from '../../interface/segment.ts';
import { createSupervisor } from '../../process/supervisor.ts';
import { assertFitsMemory, assertKvType, BATCH_ROWS } from '../device/memory.ts';
import { countCores } from '../device/platform.ts';
import {
  assertOption,
  ENGINE_DEFAULTS,
  type LlamaEngine,
  type LlamaEngineHooks,
  type LlamaEngineOptions,
} from '../engine.ts';
import { inspectModelFile, mixesNeighbours } from '../model-file.ts';
import type { ChainedTextContract } from './chained-host.ts';
import { type ExpectedSlab, inspectSegmentFile, verifySlab } from './segment-file.ts';
import type { SegmentOptions } from './segment-model.ts';

/** Options that all segments of a chain share. */
export interface ChainShape extends Pick<SegmentOptions, 'isa' | 'kernels' | 'kvType' | 'weights'> {
  /** Prompt + output per reply. */
  readonly contextSize: number;
  /** Replies decoded together. */
  readonly sequences: number;
}

export interface ChainedTextOptions
  extends ChainShape,
    Pick<
      LlamaEngineOptions,
      'threads' | 'cores' | 'drafts' | 'prefixCache' | 'promptChunk' | 'maxQueue' | 'availableMemory'
    > {
  /** File of the last slab. */
  readonly last: string;
  /** The slab's entry in the manifest. */
  readonly expected: ExpectedSlab;
  /** Hashes of files that were read before. Default: the slab is read in full. */
  readonly hashes?: FileHashes;
  /** Root of the whole model, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** The segments before; `close` of the engine leaves them open. */
  readonly before: UpstreamRows;
  /**
   * Groups of neighbouring sequences. Each has passes of its own, so that several segments compute at the same time. It divides
   * `sequences`. Default: 1, which is fastest while all segments share a machine.
   */
  readonly groups?: number;
  /** Pieces of prompts that may be in flight while the next pass begins. Default: 2. */
  readonly piecesAhead?: number;
}

const DEFAULT_PROMPT_CHUNK = 128;
const MOST_DRAFTS = 8;
const DEFAULT_PIECES_AHEAD = 2;

/** Options of every segment of a chain. Beside those that serve, each has a sequence in which replies run again. */
export const segmentOptionsOf = ({
  contextSize,
  sequences,
  isa,
  kernels,
  kvType,
  weights,
}: ChainShape): SegmentOptions => ({
  ...{ contextSize, sequences: sequences + 1, passRows: Math.max(BATCH_ROWS, sequences + 1) },
  ...(isa !== undefined && { isa }),
  ...(kernels !== undefined && { kernels }),
  ...(kvType !== undefined && { kvType }),
  ...(weights !== undefined && { weights }),
});

/**
 * Serves a model of which this machine has the last slab. The slab is loaded into a supervised child process, which tokenises, samples
 * and asks for the rows of the slabs before. There are no pictures and no traces.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (another slab than expected), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openChainedTextEngine(
  options: ChainedTextOptions,
  hooks: LlamaEngineHooks = {},
): Promise<LlamaEngine> {
  const { last, before, modelRoot, contextSize, sequences, kvType = 'f16', drafts = 0 } = options;
  const { groups = 1, piecesAhead = DEFAULT_PIECES_AHEAD } = options;
  const { place, architecture } = inspectSegmentFile(last);
  const refuse = (reason: string): EngineError => new EngineError('unsupported-model', `${last} ${reason}`);
  if (place !== 'last') throw refuse(`is the ${place} slab of a model; the last one leads a chain`);
  if (mixesNeighbours(architecture))
    throw refuse(`is of the architecture ${architecture}, which runs one sequence at a time; a chain needs two`);
  const facts = inspectModelFile(last, { takesSlab: true });
  const threads = options.threads ?? options.cores ?? countCores();
  assertOption('sequences', sequences, 1, 256);
  assertOption('contextSize', contextSize, 16, 1 << 20);
  assertOption('threads', threads, 1, countCores());
  assertOption('drafts', drafts, 0, MOST_DRAFTS);
  assertOption('groups', groups, 1, sequences);
  assertOption('piecesAhead', piecesAhead, 0, 64);
  if (sequences % groups !== 0)
    throw new EngineError('invalid-request', `${sequences} sequences cannot be divided into ${groups} groups`);
  assertKvType(facts, kvType, true);
  const segment = { ...segmentOptionsOf(options), threads };
  const shape = { contextSize, sequences: sequences + 1, batchSize: BATCH_ROWS, kvType };
  assertFitsMemory(facts, shape, options.availableMemory);
  const file = await verifySlab(last, options.expected, options.hashes);
  const supervisor = await createSupervisor<ChainedTextContract>({
    child: { path: fileURLToPath(new URL('./chained-child.ts', import.meta.url)) },
    load: {
      ...{ modelPath: last, facts, files: [file], modelRoot, segment, sequences, drafts, groups, piecesAhead },
      prefixCache: options.prefixCache ?? ENGINE_DEFAULTS.prefixCache,
      promptChunk: options.promptChunk ?? DEFAULT_PROMPT_CHUNK,
      maxQueue: options.maxQueue ?? 4 * sequences,
    },
    before,
    onEvent: hooks.onEvent,
  });
  return {
    specificationVersion: 'text-v1',
    info: () => supervisor.info(),
    generate: (request, { signal } = {}) => supervisor.generate(request, signal),
    score: (request, { signal } = {}) => supervisor.call({ kind: 'score', request }, signal),
    trace: (request, { signal } = {}) => supervisor.call({ kind: 'trace', request }, signal),
    tokenizePrompt: (prompt) => supervisor.call({ kind: 'tokenize', prompt }),
    usesTemplate: (prompt) => supervisor.call({ kind: 'template', prompt }),
    async encodePicture() {
      throw new EngineError(
        'unsupported-model',
        'a chain of segments reads no pictures: their rows would go through all of it',
      );
    },
    detokenize: (tokens) => supervisor.call({ kind: 'detokenize', tokens }),
    close: () => supervisor.close(),
    pid: () => supervisor.pid(),
  };
}
