import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { FileHashes } from '@ogong/models/file-hashes';
import { collectReply, createRequest, createScoreRequest, keyOf } from '@ogong/testing/engine/compliance-requests';
import { CARD_WAYS, type CardWayName } from './ways.ts';

/** What a scoring pass costs beside the reply that it checks, in the median of the rounds. Wall time: the card is alone. */
export interface CostRow {
  readonly way: CardWayName;
  readonly model: string;
  readonly numericClass: string;
  readonly exact: boolean;
  readonly shapes?: string | undefined;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly rounds: number;
  readonly loadMs: number;
  /** One reply alone, prompt included. */
  readonly makeMs: number;
  readonly scoreMs: number;
  /** Eight replies side by side, each. */
  readonly makeTogetherMs: number;
}

export interface CostOptions {
  readonly way: CardWayName;
  readonly model: string;
  readonly modelPath: string;
  readonly hashes: FileHashes;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly rounds: number;
}

const TOGETHER = 8;

/** @throws EngineError where this machine does not run the way. */
export async function measureCost(options: CostOptions): Promise<CostRow> {
  const { way, model, modelPath, promptTokens, outputTokens, rounds } = options;
  const started = performance.now();
  const engine = await createLlamaEngine({
    ...{ modelPath, contextSize: promptTokens + outputTokens, sequences: TOGETHER, prefixCache: false, drafts: 0 },
    ...{ threads: 1, hashes: options.hashes },
    ...CARD_WAYS[way],
  });
  const loadMs = performance.now() - started;
  try {
    const { numericClass, exact, shapes } = engine.info();
    const made: number[] = [];
    const scored: number[] = [];
    const together: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const request = createLongRequest(engine, options, round);
      const [makeMs, reply] = await timed(() => collectReply(engine.generate(request)));
      const claim = createScoreRequest(engine, request, reply);
      const [scoreMs] = await timed(() => engine.score(claim));
      const several = Array.from({ length: TOGETHER }, (_, i) => createLongRequest(engine, options, 100 * round + i));
      const [togetherMs] = await timed(() => Promise.all(several.map((each) => collectReply(engine.generate(each)))));
      // The first round finds kernels that are not compiled yet.
      if (round === 0) continue;
      made.push(makeMs);
      scored.push(scoreMs);
      together.push(togetherMs / TOGETHER);
    }
    return {
      ...{ way, model, numericClass, exact, shapes, promptTokens, outputTokens, rounds, loadMs },
      makeMs: medianOf(made),
      scoreMs: medianOf(scored),
      makeTogetherMs: medianOf(together),
    };
  } finally {
    await engine.close();
  }
}

function createLongRequest(
  engine: TextEngine,
  { promptTokens, outputTokens }: CostOptions,
  number: number,
): TextGenerationRequest {
  const { vocabularySize, stopTokens } = engine.info();
  const tokens = Uint32Array.from(
    { length: promptTokens },
    (_, at) => 300 + ((at * 7919 + number * 31) % (vocabularySize - 300)),
  );
  return createRequest('', {
    prompt: { kind: 'tokens', tokens },
    drawKey: keyOf(number),
    maxTokens: outputTokens,
    bias: Array.from(stopTokens, (id) => ({ id, biasQ16: -100 * 65_536 })),
  });
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [number, T]> {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
