import type { BatchContext, BatchModel } from '../../decode/batch-model.ts';
import { EngineError } from '../../interface/engine-error.ts';
import type { ChainPass, SegmentEngine, SegmentGroup, SegmentOutput, UpstreamRows } from '../../interface/segment.ts';
import { countGuesses, keepWords, promptRowsOf } from '../llama-model.ts';
import type { LlamaVocabulary } from '../model.ts';
import type { LlamaSegment } from './segment-model.ts';

export interface ChainedModelOptions {
  /** The last segment of the chain. Its first `sequences` sequences serve, and the others run replies again. */
  readonly last: Pick<LlamaSegment, 'segment' | 'kernels'> & {
    readonly vocabulary: Pick<LlamaVocabulary, 'size' | 'bos' | 'isEnd' | 'bytesOf'>;
  };
  readonly before: UpstreamRows;
  readonly sequences: number;
  /** Pieces of prompts that may be in flight while the next pass begins. Default: 0. */
  readonly piecesAhead?: number;
}

/** A whole model whose first segments run elsewhere. All its passes are promises. */
export function createChainedModel({
  last,
  before,
  sequences: serving,
  piecesAhead = 0,
}: ChainedModelOptions): BatchModel {
  const { segment, vocabulary, kernels } = last;
  const { vocabularySize, embeddingSize, sequences: all } = segment.info();
  return {
    ...{ vocabularySize, embeddingSize },
    ...keepWords(vocabulary),
    createContext({ purpose, sequences, group = 0 }) {
      const first = purpose === 'serve' ? group * sequences : serving;
      if (first + sequences > (purpose === 'serve' ? serving : all))
        throw new EngineError(
          'unsupported-model',
          `this chain of segments keeps no sequence ${purpose === 'serve' ? 'for this group' : 'to run replies again'}`,
        );
      const kind = purpose === 'serve' ? 'step' : 'score';
      return createChainedContext({ segment, before, kind, first, sequences, piecesAhead, ...promptRowsOf(kernels) });
    },
    free: () => void segment.close(),
  };
}

interface ChainedContextOptions extends Pick<BatchContext, 'promptShape' | 'leastPromptRows'> {
  readonly segment: SegmentEngine;
  readonly before: UpstreamRows;
  readonly piecesAhead: number;
  /** Kind of the passes with outputs. */
  readonly kind: 'step' | 'score';
  /** The first sequence of the segments that this context uses, of how many. */
  readonly first: number;
  readonly sequences: number;
}

type LogitsOutput = Extract<SegmentOutput, { kind: 'logits' }>;

interface Row {
  readonly token: number;
  readonly position: number;
  readonly sequence: number;
}

function createChainedContext(options: ChainedContextOptions): BatchContext {
  const { segment, before, piecesAhead, kind, first, sequences, promptShape, leastPromptRows } = options;
  const { contextSize, passRows, embeddingSize } = segment.info();
  const rows: Row[] = [];
  const guesses: Int32Array[] = [];
  const guessCounts: number[] = [];
  let guessesRun = 0;
  let output: Pick<LogitsOutput, 'logits' | 'hidden'> = { logits: new Float32Array(0), hidden: new Float32Array(0) };
  /** Positions of each sequence that the segments may have. At first they may have any, of a leader that has ended. */
  const held: number[] = Array.from({ length: sequences }, () => Number.POSITIVE_INFINITY);
  /** Names of the requests, by sequence. */
  const names: (string | undefined)[] = [];
  /** Positions from which on the segments drop a sequence, before their next pass. */
  const drops = new Map<number, number>();
  const dropFrom = (sequence: number, position: number): void => {
    drops.set(sequence, Math.min(position, drops.get(sequence) ?? position));
  };

  /** Takes the added rows, and as many guesses behind each. */
  const takePass = (outputs: boolean): ChainPass => {
    guessesRun = outputs ? countGuesses(guessCounts, rows.length, passRows) : 0;
    const each = 1 + guessesRun;
    const groups: SegmentGroup[] = [];
    const tokens = new Uint32Array(rows.length * each);
    rows.splice(0).forEach(({ token, position, sequence }, index) => {
      tokens[index * each] = token;
      for (let i = 1; i < each; i++) tokens[index * each + i] = guesses[index]?.[i - 1] as number;
      const group = groups.at(-1);
      if (group?.sequence === first + sequence) groups[groups.length - 1] = { ...group, rows: group.rows + each };
      else {
        const passKey = names[sequence];
        groups.push({ sequence: first + sequence, position, rows: each, ...(passKey !== undefined && { passKey }) });
      }
      held[sequence] = position + each;
    });
    return { kind: outputs ? kind : 'prompt', groups, tokens };
  };

  /** The last pass at the last segment, which computes them in their order. */
  let tail: Promise<unknown> = Promise.resolve();
  const run = async (pass: ChainPass): Promise<void> => {
    const asked = [...drops];
    drops.clear();
    const dropped = asked.map((drop) => before.drop(...drop));
    const upstream = Promise.all([before.run(pass), ...dropped]);
    upstream.catch(() => undefined);
    const done = tail.then(async () => {
      const [input] = await upstream;
      assertRows(input, pass.tokens.length * embeddingSize);
      for (const drop of asked) await segment.drop(...drop);
      const { kind: passKind, groups } = pass;
      const computed = await segment.run({ kind: passKind, groups, input });
      if (computed.kind !== 'logits') throw new EngineError('engine-crashed', 'the last segment returned no logits');
      if (passKind !== 'prompt') output = computed;
    });
    tail = done.catch(() => undefined);
    try {
      await done;
    } catch (cause) {
      // The segments may have dropped nothing, or have forgotten all: then only a drop of the whole sequence is sure to succeed.
      for (const [sequence] of asked) {
        drops.set(sequence, 0);
        held[sequence - first] = 0;
      }
      throw new EngineError('engine-crashed', `a pass through the segments failed: ${(cause as Error).message}`, {
        ...{ cause, retryable: true },
      });
    }
  };

  /** Passes in flight, in their order. */
  const flying: Promise<void>[] = [];
  /** Waits until so many are left. After a failure none is. */
  const settle = async (left: number): Promise<void> => {
    try {
      for (; flying.length > left; flying.shift()) await flying[0];
    } catch (error) {
      await Promise.allSettled(flying.splice(0));
      throw error;
    }
  };
  const start = (outputs: boolean): Promise<void> | undefined => {
    const pass = run(takePass(outputs));
    pass.catch(() => undefined);
    flying.push(pass);
    const left = outputs ? 0 : piecesAhead;
    return flying.length > left ? settle(left) : undefined;
  };

  return {
    ...{ contextSize, sequences, promptShape, leastPromptRows },
    batchSize: passRows,
    passRows: () => passRows,
    add(token, position, sequence) {
      if (rows.length >= passRows) throw new RangeError(`a batch holds ${passRows} rows`);
      if (position >= contextSize)
        throw new RangeError(`position ${position} is outside the context of ${contextSize}`);
      guessCounts[rows.length] = 0;
      rows.push({ token, position, sequence });
    },
    guess(tokens, count) {
      guesses[rows.length - 1] = tokens;
      guessCounts[rows.length - 1] = count;
    },
    guessesRun: () => guessesRun,
    decode: (outputs) => (rows.length === 0 ? undefined : start(outputs)),
    outputRow: (index) => index * (1 + guessesRun),
    shapeOf: () => 0,
    logits: () => output.logits,
    hidden: () => output.hidden,
    name(sequence, passKey) {
      names[sequence] = passKey;
    },
    remove(sequence, from = 0, to) {
      if (to !== undefined) throw new RangeError('segments drop all positions from one on');
      if (from >= (held[sequence] as number)) return;
      held[sequence] = from;
      dropFrom(first + sequence, from);
    },
    free: () => undefined,
  };
}

/** Rows come from other machines: a wrong one must not reach the KV cache. @throws EngineError */
function assertRows(rows: Float32Array, length: number): void {
  if (rows.length !== length)
    throw new EngineError('engine-crashed', `the segments before returned ${rows.length} of ${length} values`);
  if (!rows.every(Number.isFinite))
    throw new EngineError('engine-crashed', 'the segments before returned a value that is not finite');
}
