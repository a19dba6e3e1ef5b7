import { writeFileSync } from 'node:fs';
import type { OnnxNetwork, OnnxNode, OnnxValue } from '../onnx-bytes.ts';

export type Weight = OnnxNetwork['weights'][string];
export type Draw = (...shape: number[]) => Weight;

/** A component of a folder. Its network is drawn. */
export interface PictureComponent {
  readonly config: object;
  readonly network: (draw: Draw) => OnnxNetwork;
}

export interface PictureRecipe {
  readonly index: object;
  readonly scheduler: object;
  /** Tokenizers by their names. */
  readonly tokenizers: Readonly<Record<string, 'clip' | 't5'>>;
  readonly components: Readonly<Record<string, PictureComponent>>;
}

export const SCALE = 4;
/** Latents of 8x8 values are pictures of 32x32 pixels. */
export const SIDE = 8;
export const TOKENS = 8;

export const shapeOf = (...values: readonly number[]): Weight => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
export const oneNode = (operator: string, inputs: readonly string[], output: string, attributes = {}): OnnxNode => ({
  ...{ operator, inputs, output, attributes },
});
export const floats = (name: string, ...shape: readonly (number | string)[]): OnnxValue => ({
  name,
  type: 'float32',
  shape,
});
export const whole = (name: string, ...shape: readonly (number | string)[]): OnnxValue => ({
  name,
  type: 'int64',
  shape,
});

export const writeJson = (path: string, value: object): void => writeFileSync(path, JSON.stringify(value));

/** One vector of all conditions: the sum of a projection of each. Rows of a sequence are averaged first. */
export interface Condition {
  readonly input: OnnxValue;
  readonly width: number;
  /** Factor, so that large numbers do not drown the others. */
  readonly factor?: number;
}

export const listConditionNodes = (conditions: readonly Condition[], channels: number, draw: Draw) => {
  const nodes: OnnxNode[] = [];
  const weights: Record<string, Weight> = {};
  let sum: string | undefined;
  for (const { input, width, factor = 1 } of conditions) {
    const { name, type, shape } = input;
    let value = name;
    const step = (operator: string, more: readonly string[], output: string, attributes = {}): void => {
      nodes.push(oneNode(operator, [value, ...more], `${name}_${output}`, attributes));
      value = `${name}_${output}`;
    };
    if (type !== 'float32') step('Cast', [], 'cast', { to: 1 });
    if (shape.length === 3) step('ReduceMean', [], 'mean', { axes: [1], keepdims: 0 });
    if (shape.length === 1) {
      weights[`${name}_row`] = shapeOf(-1, 1);
      step('Reshape', [`${name}_row`], 'column');
    }
    weights[`${name}_projection`] = scaleBy(draw(width, channels), factor);
    step('MatMul', [`${name}_projection`], 'projected');
    if (sum === undefined) sum = value;
    else {
      nodes.push(oneNode('Add', [sum, value], `${name}_sum`));
      sum = `${name}_sum`;
    }
  }
  return { nodes, weights, sum: sum as string };
};

export const scaleBy = ({ shape, data }: Weight, factor: number): Weight => ({
  shape,
  data: data instanceof Float32Array ? data.map((value) => value * factor) : data,
});

export const states = (width: number): Condition => ({
  ...{ input: floats('encoder_hidden_states', 'batch', 'tokens', width), width },
});
