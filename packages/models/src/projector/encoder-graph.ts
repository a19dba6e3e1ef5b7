import {
  encodeOnnxFile,
  type NetworkNode,
  type NetworkPort,
  type NetworkWeight,
  type NodeAttribute,
  WEIGHT_TYPES,
} from '../onnx/write.ts';
import type { ProjectorTensor } from './projector-file.ts';

/** Name of a value of the network. */
export type GraphValue = string;

/** The name of the rows in every export. */
export const ROWS = 'image_features';

/** Collects the nodes of an encoder's network. Values are f32 unless a method says otherwise. */
export interface EncoderGraph {
  input(port: NetworkPort): GraphValue;
  /** i64[n]. */
  integers(...values: readonly number[]): GraphValue;
  /** i64, without dimensions. */
  integer(value: number): GraphValue;
  floats(values: readonly number[], shape?: readonly number[]): GraphValue;
  /** The values of a tensor in f32. */
  weight(tensor: ProjectorTensor): GraphValue;
  node(
    operator: string,
    inputs: readonly GraphValue[],
    attributes?: Readonly<Record<string, NodeAttribute>>,
  ): GraphValue;
  split(value: GraphValue, parts: number, axis: number): readonly GraphValue[];
  /** Sizes are numbers, 0 for the same as before and -1 for the rest, or an i64[n]. */
  reshape(value: GraphValue, sizes: readonly number[] | GraphValue): GraphValue;
  transpose(value: GraphValue, order: readonly number[]): GraphValue;
  /** Names the rows, f32[rows, size], and encodes the network. @param file the name of the file with the tensors. */
  encode(rows: GraphValue, size: number): Uint8Array;
}

/** @param file the name of the file with the tensors, which lies beside the network. */
export function createEncoderGraph(file: string): EncoderGraph {
  const inputs: NetworkPort[] = [];
  const nodes: NetworkNode[] = [];
  const weights: NetworkWeight[] = [];
  const known = new Map<string, GraphValue>();
  let count = 0;

  const add = (
    operator: string,
    read: readonly GraphValue[],
    attributes: Readonly<Record<string, NodeAttribute>>,
    outputs: readonly GraphValue[],
  ): void => {
    nodes.push({ operator, inputs: read, outputs, attributes });
  };
  const nextName = (): GraphValue => `value_${++count}`;
  const node: EncoderGraph['node'] = (operator, read, attributes = {}) => {
    const output = nextName();
    add(operator, read, attributes, [output]);
    return output;
  };
  /** Equal constants are one weight. */
  const constant = (type: number, shape: readonly number[], data: BigInt64Array | Float32Array): GraphValue => {
    const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${type}:${shape.join()}:${Buffer.from(content).toString('base64')}`;
    const name = known.get(key) ?? `constant_${known.size + 1}`;
    if (!known.has(key)) weights.push({ name, shape, type, content });
    known.set(key, name);
    return name;
  };
  const integers = (...values: readonly number[]): GraphValue =>
    constant(WEIGHT_TYPES.int64, [values.length], BigInt64Array.from(values, BigInt));

  return {
    input(port) {
      inputs.push(port);
      return port.name;
    },
    integers,
    integer: (value) => constant(WEIGHT_TYPES.int64, [], BigInt64Array.of(BigInt(value))),
    floats: (values, shape = [values.length]) => constant(WEIGHT_TYPES.float32, shape, Float32Array.from(values)),
    weight({ name, shape, type, offset, length }) {
      weights.push({ name, shape, type, content: { file, offset, length } });
      return type === WEIGHT_TYPES.float32 ? name : node('Cast', [name], { to: WEIGHT_TYPES.float32 });
    },
    node,
    split(value, parts, axis) {
      const outputs = Array.from({ length: parts }, nextName);
      add('Split', [value], { axis }, outputs);
      return outputs;
    },
    reshape: (value, sizes) => node('Reshape', [value, typeof sizes === 'string' ? sizes : integers(...sizes)]),
    transpose: (value, order) => node('Transpose', [value], { perm: order }),
    encode(rows, size) {
      add('Identity', [rows], {}, [ROWS]);
      const outputs: NetworkPort[] = [{ name: ROWS, type: 'float32', shape: ['rows', size] }];
      return encodeOnnxFile({ inputs, outputs, nodes, weights });
    },
  };
}
