import type {
  TextEngine,
  TextGenerationEvent,
  TextGenerationRequest,
  TokenLikelihood,
} from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import { type DrawRow, decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { MAX_LISTED, NAT } from '@ogong/protocol/modality/text/sampling/sampler';
import { renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import { countOwnList } from './replay-row.ts';

/** A complete reply that an attacker has not sent yet. */
export interface HeldReply {
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
  readonly windows: readonly WindowBytes[];
  readonly text: string;
  readonly stopReason: StopReason;
}

export async function holdReply(events: AsyncIterable<TextGenerationEvent>): Promise<HeldReply> {
  const windows: WindowBytes[] = [];
  let promptTokens = new Uint32Array(0);
  for await (const event of events) {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'end') {
      const { outputTokens, text, stopReason } = event;
      return { promptTokens, outputTokens, windows, text, stopReason };
    }
  }
  throw new Error('the engine ended without an answer');
}

export const rowsOf = (windows: readonly WindowBytes[], vocabularySize: number): DrawRow[] =>
  windows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows);

/** How many candidates each position lists. */
export const listSizesOf = (rows: readonly DrawRow[]): Uint8Array => Uint8Array.from(rows, ({ ids }) => ids.length);

type Asked = Pick<TextGenerationRequest, 'sampler' | 'bias' | 'sketch'>;
type Claim = Readonly<Record<'promptTokens' | 'outputTokens', Uint32Array>>;

/** How many candidates the engine itself lists at each position, computed from full lists. */
export async function findOwnSizes(
  engine: TextEngine,
  request: Asked,
  claim: Claim,
  options?: { signal?: AbortSignal },
): Promise<Uint8Array> {
  const { vocabularySize } = engine.info();
  const listSizes = new Uint8Array(claim.outputTokens.length).fill(Math.min(MAX_LISTED, vocabularySize));
  const windows = await scoreListed(engine, request, { ...claim, listSizes }, options);
  const { sampler, bias } = request;
  const counts = new Map<number, number>();
  const inputs = {
    ...{ u: 0, settings: sampler, counts, vocabularySize },
    bias: new Map(bias.map(({ id, biasQ16 }) => [id, biasQ16])),
  };
  return Uint8Array.from(rowsOf(windows, vocabularySize), (row) => {
    const size = countOwnList(row, inputs);
    const token = tokenOf(row);
    counts.set(token, (counts.get(token) ?? 0) + 1);
    return size;
  });
}

/** One pass of `engine` over a claimed output: the windows that it would have committed to, with lists that stage 1 accepts. */
export async function scoreOutput(
  engine: TextEngine,
  request: Asked,
  claim: Claim & { readonly listSizes: Uint8Array },
  options?: { signal?: AbortSignal },
): Promise<readonly WindowBytes[]> {
  const { vocabularySize } = engine.info();
  const { sampler } = request;
  // A list that leaves a tail must have full length. Only top-k guarantees that a shorter list leaves none.
  const isCut = sampler.topK > 0 && sampler.topK <= MAX_LISTED && sampler.filterOrder.includes('top-k');
  const fewest = Math.min(isCut ? sampler.topK : MAX_LISTED, vocabularySize);
  return scoreListed(
    engine,
    request,
    { ...claim, listSizes: claim.listSizes.map((size) => Math.max(size, fewest)) },
    options,
  );
}

/** As `scoreOutput`, with lists of exactly the given lengths. */
export async function scoreListed(
  engine: TextEngine,
  { sampler, bias, sketch }: Asked,
  claim: Claim & { readonly listSizes: Uint8Array },
  options?: { signal?: AbortSignal },
): Promise<readonly WindowBytes[]> {
  const { numericClass } = engine.info();
  const { windows } = await engine.score({ ...claim, sampler, bias, sketch, numericClass }, options);
  return windows;
}

/** The text that output tokens spell, by the rule that verifiers apply. */
export async function spell(
  engine: TextEngine,
  { outputTokens, stopReason }: Pick<HeldReply, 'outputTokens' | 'stopReason'>,
  stop: readonly string[],
): Promise<string> {
  const spoken = stopReason === 'stop-token' ? outputTokens.subarray(0, -1) : outputTokens;
  return renderReply(await engine.detokenize(spoken), stop, stopReason);
}

/** Sends a held reply as the events of an engine. The whole text comes with the first token. */
export async function* tellReply(
  engine: TextEngine,
  { topLogprobs }: Pick<TextGenerationRequest, 'topLogprobs'>,
  { promptTokens, outputTokens, windows, text, stopReason }: HeldReply,
): AsyncGenerator<TextGenerationEvent> {
  const { vocabularySize } = engine.info();
  yield { kind: 'start', promptTokens };
  let rest = text;
  for (const window of windows) {
    for (const row of decodeDraws(window.draws, { vocabularySize }).rows) {
      const token = await describe(engine, tokenOf(row), row.rank < 0 ? (row.tailQ as number) : row.q[row.rank]);
      const best = Array.from(row.ids, (_, rank) => rank).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
      const shown = best.slice(0, topLogprobs).map((rank) => describe(engine, row.ids[rank] as number, row.q[rank]));
      yield { kind: 'token', token, alternatives: await Promise.all(shown), text: rest };
      rest = '';
    }
    yield { kind: 'window', window };
  }
  yield { kind: 'end', stopReason, outputTokens, text, timings: { promptMs: 0, decodeMs: 0 }, cachedTokens: 0 };
}

async function describe(engine: TextEngine, id: number, q: number | undefined): Promise<TokenLikelihood> {
  return { id, bytes: await engine.detokenize(Uint32Array.of(id)), logprob: -(q as number) / NAT };
}
