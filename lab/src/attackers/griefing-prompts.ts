import type { TextEngine } from '@ogong/engine/interface/text';
import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeSketchDistance, DEFAULT_DIRECTIONS, type SketchRow } from '@ogong/protocol/commitment/sketch';
import { decodeDraws, decodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';

/**
 * A consumer that wants honest providers to look dishonest: it looks for messages on which two honest engines differ most.
 */
export interface GriefingSearch {
  readonly provider: TextEngine;
  readonly verifier: TextEngine;
  /** Tokens that messages are spelled from. */
  readonly alphabet: readonly number[];
  /** In tokens of the alphabet. A provider reads the text of the message in its template, so it counts other tokens. */
  readonly promptLength: number;
  readonly outputTokens: number;
  /** Total number of prompts to measure. */
  readonly tries: number;
  /** Prompts that are kept from round to round. */
  readonly survivors: number;
  readonly seed: number;
  /** Aborting it ends the search and keeps what was found. */
  readonly signal?: AbortSignal;
}

export interface GriefingPrompt {
  readonly tokens: readonly number[];
  /** The text that the tokens spell: the content of the one chat message that is measured. */
  readonly text: string;
  /** Mean relative distance between the sketches of the reply. */
  readonly drift: number;
}

/** Share of a prompt's tokens that one step changes; it changes at least one token. */
const CHANGED = 0.15;

/**
 * Hill climbing from random prompts: it changes the best prompts in a few places and keeps improvements.
 * @returns the best prompts, largest drift first. The first `survivors` that are measured are random: a baseline.
 */
export async function searchGriefingPrompts(search: GriefingSearch): Promise<readonly GriefingPrompt[]> {
  const { provider, alphabet, promptLength, survivors, seed, signal } = search;
  if (alphabet.length < 2 || promptLength < 1 || survivors < 1) throw new RangeError('nothing to search in');
  const random = createSeededRandom(seed);
  const any = (): number => pick(random, alphabet);
  const pool: GriefingPrompt[] = [];
  const seen = new Set<string>();
  for (let tried = 0; tried < search.tries && signal?.aborted !== true; tried++) {
    const parent = pool.length < survivors ? undefined : pick(random, pool);
    const tokens = parent
      ? parent.tokens.map((token) => (random() < CHANGED ? any() : token))
      : Array.from({ length: promptLength }, any);
    if (parent) tokens[Math.floor(random() * promptLength)] = any();
    const text = new TextDecoder().decode(await provider.detokenize(Uint32Array.from(tokens)));
    if (seen.has(text)) continue;
    seen.add(text);
    pool.push({ tokens, text, drift: await measureDrift(search, text) });
    pool.sort((a, b) => b.drift - a.drift);
    if (pool.length > survivors) pool.length = survivors;
  }
  return pool;
}

/** Mean sketch distance between the reply of one engine and the other's score of it; 0 for an empty reply. */
async function measureDrift(
  { provider, verifier, outputTokens: maxTokens, seed }: GriefingSearch,
  text: string,
): Promise<number> {
  const { vocabularySize, numericClass } = provider.info();
  const sketch = { bankSeed: new Uint8Array(32).fill(seed), directions: DEFAULT_DIRECTIONS };
  const windows: WindowBytes[] = [];
  let outputTokens = new Uint32Array(0);
  const promptTokens = await provider.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content: text }] });
  for await (const event of provider.generate({
    prompt: { kind: 'tokens', tokens: promptTokens },
    sampler: PLAIN_SAMPLER,
    bias: [],
    drawKey: new Uint8Array(32).fill(seed),
    maxTokens,
    stop: [],
    sketch,
    topLogprobs: 0,
  })) {
    if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'end') outputTokens = Uint32Array.from(event.outputTokens);
  }
  if (outputTokens.length === 0) return 0;
  const listSizes = Uint8Array.from(
    windows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows.map(({ ids }) => ids.length)),
  );
  const scored = await verifier.score({
    promptTokens,
    outputTokens,
    sampler: PLAIN_SAMPLER,
    bias: [],
    sketch,
    listSizes,
    numericClass,
  });
  const open = (from: readonly WindowBytes[]): SketchRow[] =>
    from.flatMap((window) => decodeSketch(window.sketch, sketch));
  const mine = open(windows);
  const theirs = open(scored.windows);
  return mine.reduce((sum, row, i) => sum + computeSketchDistance(row, theirs[i] as SketchRow), 0) / mine.length;
}
