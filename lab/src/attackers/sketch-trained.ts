import type { Engine, GenerateRequest } from '@ogong/engine/engine';
import { toHex } from '@ogong/protocol/bytes';
import { createSketchRow, quantizeSketch, type SketchParameters, type SketchRow } from '@ogong/protocol/sketch';
import { tokenOf, type WindowBytes } from '@ogong/protocol/window';
import { type AttackDefinition, closeBoth, disguiseEngine, requireCheapEngine } from './attack.ts';
import { findCheapModel } from './cheap-models.ts';
import { listSizesOf, rowsOf, scoreOutput } from './held-reply.ts';
import { closeWindows, openWindows, type Position } from './windows.ts';

/** Positions that a bank is trained on: several for each of its directions, and no more than an attacker has at hand. */
const TRAINING_POSITIONS = 256;
/** Of the features' mean square: keeps the map from fitting what is noise. */
const RIDGE = 1e-3;

/**
 * Serves a cheap model and corrects its sketch towards the true one's. The bank is known while it is used (it follows from
 * the model and the previous beacon), so the first requests of an epoch are answered honestly, with both models running,
 * and a linear map from the cheap sketch to the true one is fitted to them. Drawn values stay the cheap model's.
 */
export const sketchTrained: AttackDefinition = {
  name: 'sketch-trained',
  family: 'commitment',
  aim: 'make the sketch of a cheap model pass for the true one',
  caughtBy: ['equality'],
  uncaught: 'the replies that it learns from, which are honest',
  cheap: { weights: findCheapModel('q8-0').recipe },
  soldAs: ['f16'],
  create(context) {
    const { engine } = context;
    const cheap = requireCheapEngine(context, 'sketch-trained');
    const banks = new Map<string, Training>();
    const counts = { learnt: 0, corrected: 0 };
    return {
      name: 'sketch-trained',
      aim: sketchTrained.aim,
      engine: disguiseEngine(engine, {
        async *generate(request, options) {
          const key = toHex(request.sketch.bankSeed);
          const training = banks.get(key) ?? createTraining(request.sketch);
          banks.set(key, training);
          if (training.map === undefined) {
            yield* learn({ engine, cheap, training, counts }, request, options);
            return;
          }
          for await (const event of cheap.generate(request, options)) {
            if (event.kind !== 'window') yield event;
            else {
              counts.corrected++;
              yield { ...event, window: correct(event.window, training.map, engine) };
            }
          }
        },
        close: () => closeBoth(engine, cheap),
      }),
      counts: () => ({ ...counts }),
    };
  },
};

interface Training {
  readonly directions: number;
  readonly cheap: Float64Array[];
  readonly true: Float64Array[];
  map: Float64Array | undefined;
}

const createTraining = ({ directions }: SketchParameters): Training => ({
  directions,
  cheap: [],
  true: [],
  map: undefined,
});

interface Learning {
  readonly engine: Engine;
  readonly cheap: Engine;
  readonly training: Training;
  readonly counts: { learnt: number };
}

async function* learn(
  { engine, cheap, training, counts }: Learning,
  request: GenerateRequest,
  options?: { signal?: AbortSignal },
) {
  const windows: WindowBytes[] = [];
  for await (const event of engine.generate(request, options)) {
    if (event.kind === 'window') windows.push(event.window);
    // Whoever has the end of a reply need not come for more.
    if (event.kind === 'end' && windows.length > 0)
      await train({ engine, cheap, training, counts }, windows, request, options);
    yield event;
  }
}

async function train(
  { engine, cheap, training, counts }: Learning,
  windows: readonly WindowBytes[],
  request: GenerateRequest,
  options?: { signal?: AbortSignal },
): Promise<void> {
  const { vocabularySize } = engine.info();
  const honest = openWindows(windows, engine.info(), training.directions);
  const outputTokens = Uint32Array.from(honest, ({ row }) => tokenOf(row));
  const promptTokens = await engine.tokenizePrompt(request.prompt);
  const listSizes = listSizesOf(rowsOf(windows, vocabularySize));
  const cheaply = await scoreOutput(cheap, request, { promptTokens, outputTokens, listSizes }, options);
  openWindows(cheaply, engine.info(), training.directions).forEach(({ sketch }, i) => {
    training.cheap.push(toFloats(sketch));
    training.true.push(toFloats((honest[i] as Position).sketch));
  });
  counts.learnt += honest.length;
  if (training.cheap.length >= TRAINING_POSITIONS) training.map = fitLinear(training.cheap, training.true);
}

function correct(window: WindowBytes, map: Float64Array, engine: Engine): WindowBytes {
  const info = engine.info();
  const directions = Math.sqrt(map.length);
  const positions = openWindows([window], info, directions).map((position) => {
    const sketch = createSketchRow(directions);
    quantizeSketch(multiply(map, toFloats(position.sketch)), sketch);
    return { ...position, sketch };
  });
  return closeWindows(positions, info)[0] as WindowBytes;
}

const toFloats = ({ exponent, values }: SketchRow): Float64Array =>
  Float64Array.from(values, (value) => value * 2 ** exponent);

function multiply(map: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += (map[i * n + j] as number) * (x[j] as number);
    return sum;
  });
}

/**
 * Ridge regression without an intercept: the matrix M, row-major [n, n], that minimises the sum over samples of
 * |M x - y|^2 plus a penalty on what M adds to the identity, so that little data changes little.
 */
export function fitLinear(x: readonly Float64Array[], y: readonly Float64Array[]): Float64Array {
  const n = x[0]?.length ?? 0;
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n * n);
  x.forEach((from, sample) => {
    const to = y[sample] as Float64Array;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        gram[i * n + j] = (gram[i * n + j] as number) + (from[i] as number) * (from[j] as number);
        // What the identity leaves over.
        const rest = (to[i] as number) - (from[i] as number);
        cross[i * n + j] = (cross[i * n + j] as number) + rest * (from[j] as number);
      }
    }
  });
  let trace = 0;
  for (let i = 0; i < n; i++) trace += gram[i * n + i] as number;
  for (let i = 0; i < n; i++) gram[i * n + i] = (gram[i * n + i] as number) + (RIDGE * trace) / n;
  const map = solveRight(gram, cross, n);
  for (let i = 0; i < n; i++) map[i * n + i] = (map[i * n + i] as number) + 1;
  return map;
}

/** B A^-1 for a symmetric positive A, by Gaussian elimination on [A | B^T]. */
function solveRight(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const left = Float64Array.from(a);
  const right = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) right[j * n + i] = b[i * n + j] as number;
  for (let pivot = 0; pivot < n; pivot++) {
    const scale = 1 / (left[pivot * n + pivot] as number);
    for (let row = 0; row < n; row++) {
      if (row === pivot) continue;
      const factor = (left[row * n + pivot] as number) * scale;
      for (let column = 0; column < n; column++) {
        left[row * n + column] = (left[row * n + column] as number) - factor * (left[pivot * n + column] as number);
        right[row * n + column] = (right[row * n + column] as number) - factor * (right[pivot * n + column] as number);
      }
    }
  }
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) out[i * n + j] = (right[j * n + i] as number) / (left[j * n + j] as number);
  }
  return out;
}
