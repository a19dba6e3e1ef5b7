import type { GenerateRequest } from '@ogong/engine/engine';
import { nativeHash } from '@ogong/engine/native-hash';
import { FALLBACK_THRESHOLDS } from '@ogong/protocol/adjudicate';
import { createDrawSource } from '@ogong/protocol/draw-key';
import { TAIL_RANK } from '@ogong/protocol/sampler';
import { tokenOf, WINDOW_TOKENS } from '@ogong/protocol/window';
import { createGaussian } from '../forge/random.ts';
import { type AttackDefinition, disguisePair, type EnginePair, pairEngines } from './attack.ts';
import { CHEAP_MODELS, type CheapModel } from './cheap-models.ts';
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
} from './held-reply.ts';
import { findDrift, hideBend, moveSketch } from './hide-bend.ts';
import { type DrawInputs, massageRow, measureGap, replayRank, type Thrift } from './massage.ts';
import { closeWindows, openWindows, type Position } from './windows.ts';

/** How far a draw may lie from the claimed token's interval before anybody asks, as probabilities. */
interface Tolerances {
  readonly positionGap: number;
  /** Mean over a window. */
  readonly windowGap: number;
}

/** What an attacker allows itself who knows what an auditor forgives: less than half of it, since honest drift comes on top. */
const KNOWN: Tolerances = {
  positionGap: FALLBACK_THRESHOLDS.omission.doubt / 2,
  // In probability, as its own values show it: one draw in a window that is a third off. The auditor's limit is in nats and forgives more.
  windowGap: 0.01,
};
/** Where a drift table judges: as far as the draws of honest replies stray between classes, and as seldom. */
const DRIFT: Tolerances = { positionGap: 0.002, windowGap: 0.00025 };
const ANYTHING: Tolerances = { positionGap: 1, windowGap: 1 };

interface Style {
  /** Part of the attack's name. */
  readonly name: '' | '-knowing' | '-careful' | '-hidden';
  readonly how: string;
  readonly tolerances: Tolerances;
  /** Who knows that auditors take means over a list changes few values; who does not keeps every change small. */
  readonly thrift: Thrift;
  /** Lists as many candidates as the true model does by itself: what auditors compare is compared over the list. */
  readonly lists?: true;
  /** Hides what was bent in noise of its own, and takes the true token where that would stand out as well. */
  readonly hides?: true;
}

const BLIND: Style = { name: '', how: 'until every draw replays', tolerances: ANYTHING, thrift: 'largest' };
const KNOWS = { thrift: 'mean', lists: true } as const;
const KNOWING: Style = { name: '-knowing', how: 'as far as tolerances reach', tolerances: KNOWN, ...KNOWS };
const CAREFUL: Style = { name: '-careful', how: 'as far as honest draws stray', tolerances: DRIFT, ...KNOWS };
const HIDDEN: Style = {
  name: '-hidden',
  how: 'as far as honest draws stray, in noise of its own',
  tolerances: DRIFT,
  ...KNOWS,
  hides: true,
};

/**
 * Pre-fill, made to replay: where the cheap model's token is not the one that the true values draw, the signed values are
 * bent by the least that makes them draw it. Who knows what an auditor forgives bends no more than that and takes the true
 * model's own token elsewhere, from where the cheap one goes on: fewer tokens are cheap, and none is far off.
 */
function defineMassage({ name, what, recipe, soldAs }: CheapModel, style: Style): AttackDefinition {
  const own = `massaged${style.name}-${name}`;
  const aim = `decode with ${what}, pre-fill the true values and bend them ${style.how}`;
  return {
    name: own,
    family: 'sampling',
    aim,
    // Where nothing had to be bent, lists are as long as the cheap model's, or a tail names a token of its choice.
    caughtBy: ['equality', 'own-choice'],
    ...(style !== BLIND
      ? { uncaught: 'replies in which no draw needed bending: they are what the true model says' }
      : {}),
    cheap: { weights: recipe },
    ...(soldAs ? { soldAs } : {}),
    create(context) {
      const massage = createMassage(pairEngines(context, own), style);
      return { name: own, aim, ...massage };
    },
  };
}

/** Bending further than these pays for nobody: their tokens miss too often. */
const MASSAGED = new Set(['q8-0', 'q5-k-m', 'q4-0', 'noise-1e-3', 'noise-1e-2']);
const models = CHEAP_MODELS.filter(({ name }) => MASSAGED.has(name));

/** Coarser models need so many corrections that nothing is left to gain. */
const NEAR = new Set(['q8-0', 'noise-1e-3']);

export const MASSAGE_ATTACKS: readonly AttackDefinition[] = [
  ...models.map((model) => defineMassage(model, BLIND)),
  ...models.map((model) => defineMassage(model, KNOWING)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, CAREFUL)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, HIDDEN)),
];

interface Counts {
  positions: number;
  /** Draws that the true values do not give. */
  missed: number;
  massaged: number;
  /** Positions decoded again by the true model. */
  corrected: number;
  /** Could be neither bent nor corrected: stage 1 sees them. Not where the cheap model is anything like the true one. */
  lost: number;
}

function createMassage(pair: EnginePair, style: Style) {
  const counts: Counts = { positions: 0, missed: 0, massaged: 0, corrected: 0, lost: 0 };
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

/** Of the request, so that a reply that is served again is the same. */
const seedOf = ({ drawKey }: GenerateRequest): number => new DataView(drawKey.buffer, drawKey.byteOffset).getUint32(0);

interface Task extends EnginePair {
  readonly request: GenerateRequest;
  readonly style: Style;
  readonly gaussian: () => number;
  readonly counts: Counts;
}

/** Positions whose token is final, with what will be signed of them. */
interface Settled {
  readonly positions: Position[];
  readonly output: number[];
  readonly seen: Map<number, number>;
  windowGap: number;
}

/** Tokens that are decoded before the true model looks at them: what follows a correction is void. */
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
  /** All that is settled, and the cheap model's continuation. */
  readonly outputTokens: Uint32Array;
  readonly cheaply: HeldReply;
  readonly prompt: Uint32Array;
  readonly vocabularySize: number;
}

/** One pass of the true model over a continuation. @returns whether a token was corrected, so that the rest is void. */
async function settle(task: Task, segment: Segment, options?: { signal?: AbortSignal }): Promise<boolean> {
  const { engine, request, style, counts } = task;
  const { tolerances } = style;
  const { settled, outputTokens, cheaply, prompt, vocabularySize } = segment;
  const from = settled.output.length;
  const cheapRows = rowsOf(cheaply.windows, vocabularySize);
  // Where no value depends on the pass, what is settled is read as a prompt. Elsewhere the last pass is the verifier's own.
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
        // Which token the tail names is not in the list: the one that the cheap model likes best of the others.
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

const countsTokens = ({ sampler }: GenerateRequest): boolean =>
  sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;

/** A continuation does not know what it must penalise, nor a stop string that began before it. */
const canCorrect = (request: GenerateRequest): boolean => !countsTokens(request) && request.stop.length === 0;

/** @returns undefined where it cannot be bent, or would stand out and the true token can be had. */
function bend(
  { engine, style, gaussian }: Task,
  { row, sketch }: Pick<Position, 'row' | 'sketch'>,
  inputs: DrawInputs,
  isCorrectable: boolean,
): Pick<Position, 'row' | 'sketch'> | undefined {
  if (style.hides) {
    const drift = findDrift(engine.info().weightType);
    const hidden = hideBend(row, { inputs, drift, gaussian });
    if (hidden) return { row: hidden.row, sketch: moveSketch(sketch, hidden.spread * drift.sketchPerSpread, gaussian) };
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
