import { createHash } from 'node:crypto';
import { EngineError } from '../interface/engine-error.ts';
import type { LlamaContext, LlamaModel } from '../llama-cpp/model.ts';
import type { KvType } from '../llama-cpp/numeric-class.ts';

/** Options that a context is opened with; compared with each other as well. */
export interface Setup {
  readonly name: string;
  readonly kvType: KvType;
  readonly flashAttention: boolean;
  readonly kvUnified: boolean;
  readonly threads: number;
  /** CPU: ggml's reference kernels in every pass. */
  readonly reference: boolean;
}

/** How the compared rows of sequence 0 come into passes. */
export interface PassShape {
  readonly name: string;
  readonly sequences: number;
  /** Rows of every sequence in a pass. */
  readonly rows: number;
  /** Whether all rows belong to the sequence; otherwise only the first does, and the others are removed again. */
  readonly isForced: boolean;
  /** The cache behind the prefix held other rows before. */
  readonly isReused?: boolean;
  /** The neighbours' positions lie in a later band, and so does the KV length of the passes. */
  readonly isBesideLonger?: boolean;
}

export interface SearchPlan {
  readonly setups: readonly Setup[];
  readonly shapes: readonly PassShape[];
  /** First compared position of each band. */
  readonly starts: readonly number[];
  /** Compared positions, at least LEAST_POSITIONS. */
  readonly positions: number;
}

/** Results of one shape, by setup and band; equal digests are bit-identical hidden states and logits. */
export interface ClassFinding {
  readonly setup: string;
  readonly start: number;
  readonly shape: string;
  readonly digest: string;
}

export interface SearchResult {
  readonly findings: readonly ClassFinding[];
  /** Setups that this build or model does not run. */
  readonly refused: readonly { readonly setup: string; readonly reason: string }[];
}

/** Fewest compared positions: different kernels may agree on a handful of rows. */
export const LEAST_POSITIONS = 8;
const PREFIX_CHUNK = 64;
/** Prefix of neighbours that must not lengthen the KV cache of the passes. */
const NEIGHBOUR_PREFIX = 32;
/** Least room behind the start of a band, which is also that of the published tables. */
const ROOM = 160;

const CHUNKS = [1, 2, 3, 4, 8, 9, 12, 16, 32, 64, 128];
const STEPS = [1, 2, 4].flatMap((rows) => [1, 2, 4, 8].map((sequences) => ({ rows, sequences })));

export function listShapes(): PassShape[] {
  return [
    ...CHUNKS.map((rows) => ({ name: `forced ${rows}`, sequences: 1, rows, isForced: true })),
    { name: 'forced 16, cache reused', sequences: 1, rows: 16, isForced: true, isReused: true },
    ...STEPS.filter(({ rows, sequences }) => rows * sequences > 1).map(({ rows, sequences }) => ({
      name: `step ${sequences} x ${rows}`,
      ...{ sequences, rows, isForced: false },
    })),
    { name: 'step 2 x 2, longer neighbour', sequences: 2, rows: 2, isForced: false, isBesideLonger: true },
  ];
}

/**
 * Runs every shape over the same tokens behind the same prefix and hashes what it yields.
 * @throws EngineError('invalid-request') if the plan compares too little to call anything a class.
 */
export function searchClasses(
  model: LlamaModel,
  plan: SearchPlan,
  onProgress: (done: number, total: number, what: string) => void = () => undefined,
): SearchResult {
  if (plan.positions < LEAST_POSITIONS || plan.shapes.length < 2 || plan.starts.length === 0) {
    throw new EngineError(
      'invalid-request',
      `${plan.positions} positions under ${plan.shapes.length} shapes in ${plan.starts.length} bands compare too little; at least ${LEAST_POSITIONS}, 2 and 1`,
    );
  }
  const findings: ClassFinding[] = [];
  const refused: { setup: string; reason: string }[] = [];
  const total = plan.setups.length * plan.starts.length * plan.shapes.length;
  let done = 0;
  for (const setup of plan.setups) {
    const before = findings.length;
    try {
      for (const start of plan.starts) {
        const bench = openBench(model, setup, plan, start);
        try {
          for (const shape of plan.shapes) {
            const digest = bench.run(shape, plan.positions);
            findings.push({ setup: setup.name, start, shape: shape.name, digest });
            onProgress(++done, total, `${setup.name}, position ${start}, ${shape.name}`);
          }
        } finally {
          bench.free();
        }
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      findings.length = before;
      refused.push({ setup: setup.name, reason: error.message });
    }
  }
  if (findings.length === 0)
    throw new EngineError('unsupported-model', `no setup ran: ${refused.map(({ reason }) => reason).join('; ')}`);
  return { findings, refused };
}

function openBench(model: LlamaModel, setup: Setup, { starts, shapes, positions }: SearchPlan, start: number) {
  const sequences = 8;
  const furthest = Math.max(...starts);
  const room = Math.max(ROOM, positions + Math.max(...shapes.map(({ rows }) => rows)));
  const { size } = model.vocabulary;
  const usable = Math.max(1, size - 3);
  const tokenAt = (position: number, sequence: number): number => 3 + ((position * 7919 + sequence * 104_729) % usable);
  const context = model.createContext({
    ...{ sequences, batchSize: 256, contextSize: furthest + room },
    ...{ kvType: setup.kvType, flashAttention: setup.flashAttention, kvUnified: setup.kvUnified },
    threads: setup.threads,
  });
  if (setup.reference) context.useReference(true);
  /** Rows that each sequence holds of its prefix. */
  const held = new Map<number, number>();
  const bringTo = (sequence: number, length: number) => {
    let at = held.get(sequence) ?? 0;
    if (at > length) {
      context.remove(sequence);
      at = 0;
    }
    while (at < length) {
      const end = Math.min(at + PREFIX_CHUNK, length);
      for (; at < end; at++) context.add(tokenAt(at, sequence), at, sequence);
      context.decode(false);
    }
    held.set(sequence, length);
  };

  return {
    run(shape: PassShape, positions: number): string {
      const { rows, isForced } = shape;
      const prefixes = Array.from({ length: shape.sequences }, (_, sequence) =>
        sequence === 0 ? start : shape.isBesideLonger ? furthest : Math.min(start, NEIGHBOUR_PREFIX),
      );
      prefixes.forEach((length, sequence) => {
        bringTo(sequence, length);
      });
      if (shape.isReused) {
        for (let i = 0; i < 24; i++) context.add(tokenAt(start + i, 77), start + i, 0);
        context.decode(false);
        context.remove(0, start);
      }
      const hash = createHash('sha256');
      const step = isForced ? rows : 1;
      for (let at = 0; at < positions; at += step) {
        prefixes.forEach((prefix, sequence) => {
          for (let row = 0; row < rows; row++)
            context.add(tokenAt(prefix + at + row, sequence), prefix + at + row, sequence);
        });
        context.decode(true);
        for (let row = 0; row < step && at + row < positions; row++) hashRow(hash, context, row, model);
        if (!isForced && rows > 1)
          prefixes.forEach((prefix, sequence) => {
            context.remove(sequence, prefix + at + 1);
          });
      }
      prefixes.forEach((prefix, sequence) => {
        context.remove(sequence, prefix);
      });
      return hash.digest('hex').slice(0, 32);
    },
    free: () => context.free(),
  };
}

/** Sequence 0 stands first in its pass. */
function hashRow(
  hash: ReturnType<typeof createHash>,
  context: LlamaContext,
  row: number,
  { embeddingSize, vocabulary }: LlamaModel,
): void {
  for (const [values, width] of [
    [context.hidden(), embeddingSize],
    [context.logits(), vocabulary.size],
  ] as const) {
    hash.update(new Uint8Array(values.buffer, values.byteOffset + 4 * row * width, 4 * width));
  }
}
