import type { TextEngine } from '@ogong/engine/interface/text';
import { toHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import {
  createSketchRow,
  quantizeSketch,
  type SketchParameters,
  type SketchRow,
} from '@ogong/protocol/commitment/sketch';
import { MIN_LISTED, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { type WrittenText, writeTexts } from '../../forge/texts.ts';
import { type AttackDefinition, disguisePair, type EnginePair, pairEngines } from '../attack.ts';
import { findCheapModel } from '../cheap-models.ts';
import { scoreOutput } from '../held-reply.ts';
import { closeWindows, openWindows } from './windows.ts';

/** How the training texts begin. Together they have several positions for each direction of a sketch. */
const OPENINGS = ['Once upon a time', 'One day', 'There was a'];
/** Ridge penalty, relative to the features' mean square: keeps the map from fitting noise. */
const RIDGE = 1e-3;

/**
 * Serves a cheap model and corrects its sketch towards the true model's, without running the true one on the reply. The
 * bank follows from the model and the previous beacon, so the attacker knows it. At the first request under a bank both
 * models read a few of the attacker's texts. It fits a linear map from the cheap sketch to the true one.
 */
export const sketchTrained: AttackDefinition = {
  name: 'sketch-trained',
  family: 'commitment',
  aim: 'make the sketch of a cheap model pass for the true one, at a few passes an epoch',
  caughtBy: ['equality'],
  cheap: { weights: findCheapModel('q8-0').recipe },
  soldAs: ['f16'],
  create(context) {
    const { engine, cheap } = pairEngines(context, 'sketch-trained');
    const maps = new Map<string, Promise<Float64Array>>();
    let texts: Promise<readonly WrittenText[]> | undefined;
    const learn = async (sketch: SketchParameters): Promise<Float64Array> => {
      texts ??= writeTexts(cheap, OPENINGS);
      return train({ engine, cheap, texts: await texts }, sketch);
    };
    return {
      name: 'sketch-trained',
      aim: sketchTrained.aim,
      engine: disguisePair(
        { engine, cheap },
        {
          async *generate(request, options) {
            const key = toHex(request.sketch.bankSeed);
            const map = maps.get(key) ?? learn(request.sketch);
            maps.set(key, map);
            for await (const event of cheap.generate(request, options)) {
              yield event.kind === 'window' ? { ...event, window: correct(event.window, await map, engine) } : event;
            }
          },
        },
      ),
      counts: () => ({ banks: maps.size }),
    };
  },
};

interface Lesson extends EnginePair {
  readonly texts: readonly WrittenText[];
}

async function train({ engine, cheap, texts }: Lesson, sketch: SketchParameters): Promise<Float64Array> {
  const read = async (model: TextEngine): Promise<Float64Array[]> => {
    const rows: Float64Array[] = [];
    for (const { promptTokens, outputTokens } of texts) {
      const listSizes = new Uint8Array(outputTokens.length).fill(MIN_LISTED);
      const request = { sampler: PLAIN_SAMPLER, bias: [], sketch };
      const windows = await scoreOutput(model, request, { promptTokens, outputTokens, listSizes });
      rows.push(...openWindows(windows, model.info(), sketch.directions).map((position) => toFloats(position.sketch)));
    }
    return rows;
  };
  return fitLinear(await read(cheap), await read(engine));
}

function correct(window: WindowBytes, map: Float64Array, engine: TextEngine): WindowBytes {
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
 * Ridge regression without an intercept. The matrix M, row-major [n, n], minimises the sum over samples of |M x - y|^2
 * plus a penalty on M minus the identity.
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
        // The residual of the identity map.
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
