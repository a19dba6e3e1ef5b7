import { nativeHash } from '@ogong/engine/decode/native-hash';
import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { tokenOf, WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import { createGaussian } from '../../forge/random.ts';
import { disguisePair, type EnginePair } from '../attack.ts';
import {
  findOwnSizes,
  type HeldReply,
  holdReply,
  listSizesOf,
  rowsOf,
  scoreListed,
  scoreOutput,
  spell,
  tellReply,
} from '../held-reply.ts';
import { type DrawInputs, measureGap, replayRank } from '../replay-row.ts';
import { findDrift, hideBend, moveSketch } from './hide-bend.ts';
import { massageRow, type Thrift } from './massage.ts';
import { closeWindows, openWindows, type Position } from './windows.ts';

/** How far a draw may lie from the interval of the claimed token, as probabilities. The attacker keeps within this. */
export interface Tolerances {
  readonly positionGap: number;
  /** Mean over a window. */
  readonly windowGap: number;
}

/** How an attacker bends a reply. */
export interface MassageStyle {
  readonly tolerances: Tolerances;
  /** An attacker that knows that auditors take means over a list changes few values. Others keep every change small. */
  readonly thrift: Thrift;
  /** Lists as many candidates as the true model would, because auditors compare over the list. */
  readonly lists?: true;
  /** Hides a bend in added noise, and takes the true token where the noise would stand out too. */
  readonly hides?: true;
}

interface Counts {
  positions: number;
  /** Positions where the true values draw another token. */
  missed: number;
  massaged: number;
  /** Massaged positions that drift or added noise hides (style `hides` only). */
  hidden: number;
  /** Hidden positions that needed added noise. */
  drowned: number;
  /** Positions decoded again by the true model. */
  corrected: number;
  /** Positions that could be neither bent nor corrected; stage 1 refutes them. Rare if the cheap model is close to the true one. */
  lost: number;
}

/** An engine that serves the cheap engine's tokens with bent values of the true one. */
export function createMassage(pair: EnginePair, style: MassageStyle) {
  const counts: Counts = { positions: 0, missed: 0, massaged: 0, hidden: 0, drowned: 0, corrected: 0, lost: 0 };
  return {
    engine: disguisePair(pair, {
      async *generate(request, options) {
        const held = await decode(
          { ...pair, request, counts, style, gaussian: createGaussian(seedOf(request)) },
          options,
        );
        yield* tellReply(pair.engine, request, held);
      },
    }),
    counts: () => ({ ...counts }),
  };
}

/** Derived from the request, so that the same request gives the same reply. */
const seedOf = ({ drawKey }: TextGenerationRequest): number =>
  new DataView(drawKey.buffer, drawKey.byteOffset).getUint32(0);

interface Task extends EnginePair {
  readonly request: TextGenerationRequest;
  readonly style: MassageStyle;
  readonly gaussian: () => number;
  readonly counts: Counts;
}

/** Positions whose token is final, with the values that will be signed. */
interface Settled {
  readonly positions: Position[];
  readonly output: number[];
  readonly seen: Map<number, number>;
  windowGap: number;
}

/** Tokens that the cheap model decodes before the true one checks them. Those after a correction are thrown away. */
const STEP = 32;

async function decode(task: Task, options?: { signal?: AbortSignal }): Promise<HeldReply> {
  const { engine, cheap, request } = task;
  const { vocabularySize, stopTokens, exact } = engine.info();
  const step = exact && canCorrect(request) ? STEP : request.maxTokens;
  const settled: Settled = { positions: [], output: [], seen: new Map(), windowGap: 0 };
  let promptTokens: Uint32Array | undefined;
  for (;;) {
    const from = settled.output.length;
    const prompt = promptTokens ?? (await engine.tokenizePrompt(request.prompt));
    promptTokens = prompt;
    const cheaply = await holdReply(
      cheap.generate(
        {
          ...request,
          prompt: { kind: 'tokens', tokens: Uint32Array.from([...prompt, ...settled.output]) },
          firstDraw: (request.firstDraw ?? 0) + from,
          maxTokens: Math.min(request.maxTokens - from, step),
        },
        options,
      ),
    );
    const outputTokens = Uint32Array.from([...settled.output, ...cheaply.outputTokens]);
    const goesOn =
      cheaply.outputTokens.length > 0 &&
      ((await settle(task, { settled, outputTokens, cheaply, prompt, vocabularySize }, options)) ||
        cheaply.stopReason === 'length');
    const last = settled.output.at(-1);
    const isStopped = last !== undefined && stopTokens.includes(last);
    const isFull = settled.output.length >= request.maxTokens;
    if (goesOn && !isStopped && !isFull && cheaply.stopReason !== 'cancelled') continue;
    const stopReason = isStopped ? 'stop-token' : isFull ? 'length' : cheaply.stopReason;
    const output = Uint32Array.from(settled.output);
    const text = await spell(engine, { outputTokens: output, stopReason }, request.stop);
    return {
      promptTokens: prompt,
      outputTokens: output,
      windows: closeWindows(settled.positions, engine.info()),
      text,
      stopReason,
    };
  }
}

interface Segment {
  readonly settled: Settled;
  /** The settled tokens, then the cheap model's continuation. */
  readonly outputTokens: Uint32Array;
  readonly cheaply: HeldReply;
  readonly prompt: Uint32Array;
  readonly vocabularySize: number;
}

/** One pass of the true model over a continuation. @returns whether it corrected a token; the rest is then thrown away. */
async function settle(task: Task, segment: Segment, options?: { signal?: AbortSignal }): Promise<boolean> {
  const { engine, request, style, counts } = task;
  const { tolerances } = style;
  const { settled, outputTokens, cheaply, prompt, vocabularySize } = segment;
  const from = settled.output.length;
  const cheapRows = rowsOf(cheaply.windows, vocabularySize);
  // In an exact class values do not depend on the pass, so settled tokens are read as a prompt. Elsewhere one pass
  // covers the whole reply, as a verifier's does.
  const skipped = engine.info().exact ? from : 0;
  const claim = {
    promptTokens: Uint32Array.from([...prompt, ...outputTokens.subarray(0, skipped)]),
    outputTokens: outputTokens.subarray(skipped),
  };
  const sizes = style.lists
    ? (await findOwnSizes(engine, request, claim, options)).subarray(from - skipped)
    : listSizesOf(cheapRows);
  const settledSizes = listSizesOf(settled.positions.slice(skipped).map(({ row }) => row));
  const score = style.lists ? scoreListed : scoreOutput;
  const windows = await score(
    engine,
    request,
    { ...claim, listSizes: Uint8Array.from([...settledSizes, ...sizes]) },
    options,
  );
  const positions = openWindows(windows, { vocabularySize }, request.sketch.directions).slice(from - skipped);
  const draws = createDrawSource(nativeHash, request.drawKey);
  const bias = new Map(request.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const isCorrectable = canCorrect(request);
  const isCounting = countsTokens(request);
  for (let j = 0; j < positions.length; j++) {
    const i = from + j;
    const { row, shapeClass } = positions[j] as Position;
    let { sketch } = positions[j] as Position;
    const u = draws.draw((request.firstDraw ?? 0) + i);
    const inputs: DrawInputs = { u, settings: request.sampler, bias, counts: settled.seen, vocabularySize };
    if (i % WINDOW_TOKENS === 0) settled.windowGap = 0;
    counts.positions++;
    const drawn = replayRank(row, inputs);
    let signed = row;
    let isCorrected = false;
    if (drawn !== row.rank) {
      counts.missed++;
      const gap = measureGap(row, inputs);
      const isForgiven =
        gap <= tolerances.positionGap && settled.windowGap + gap <= tolerances.windowGap * WINDOW_TOKENS;
      const bent = isForgiven || !isCorrectable ? bend(task, { row, sketch }, inputs, isCorrectable) : undefined;
      if (bent !== undefined) {
        counts.massaged++;
        settled.windowGap += gap;
        signed = bent.row;
        sketch = bent.sketch;
      } else if (drawn !== TAIL_RANK && isCorrectable) {
        counts.corrected++;
        const { ids, q, tail } = row;
        signed = { ids, q, tail, rank: drawn };
        isCorrected = true;
      } else if (drawn === TAIL_RANK && isCorrectable) {
        // The list does not tell which token the tail names. Take the cheap model's most likely token that is not listed.
        counts.corrected++;
        const { ids, q, tail } = row;
        const liked = cheapRows[j]?.ids.find((id) => !ids.includes(id));
        const tailId = liked ?? firstUnlisted(ids);
        signed = { ids, q, tail, rank: TAIL_RANK, tailId, tailQ: q.at(-1) as number };
        isCorrected = true;
      } else counts.lost++;
    }
    const token = tokenOf(signed);
    settled.positions.push({ row: signed, sketch, shapeClass });
    settled.output.push(token);
    if (isCounting) settled.seen.set(token, (settled.seen.get(token) ?? 0) + 1);
    if (isCorrected) return true;
  }
  return false;
}

const countsTokens = ({ sampler }: TextGenerationRequest): boolean =>
  sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;

/** A continuation has no counts for penalties, and misses a stop string that began before it. */
const canCorrect = (request: TextGenerationRequest): boolean => !countsTokens(request) && request.stop.length === 0;

/** @returns undefined if the row cannot be bent, or if the bend would stand out and a correction is possible. */
function bend(
  { engine, style, gaussian, counts }: Task,
  { row, sketch }: Pick<Position, 'row' | 'sketch'>,
  inputs: DrawInputs,
  isCorrectable: boolean,
): Pick<Position, 'row' | 'sketch'> | undefined {
  if (style.hides) {
    const drift = findDrift(engine.info().weightType);
    const hidden = hideBend(row, { inputs, drift, gaussian });
    if (hidden) {
      counts.hidden++;
      if (hidden.isDrowned) counts.drowned++;
      return { row: hidden.row, sketch: moveSketch(sketch, hidden.spread * drift.sketchPerSpread, gaussian) };
    }
    if (isCorrectable) return undefined;
  }
  const massaged = massageRow(row, inputs, style.thrift);
  return massaged && { row: massaged.row, sketch };
}

function firstUnlisted(ids: Uint32Array): number {
  let id = 3;
  while (ids.includes(id)) id++;
  return id;
}
