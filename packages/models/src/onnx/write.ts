/** A value that enters or leaves a network. A text stands for a size that each run chooses. */
export interface NetworkPort {
  readonly name: string;
  readonly type: 'float32' | 'int64';
  readonly shape: readonly (number | string)[];
}

/** An integer, a float, or a list of integers. */
export type NodeAttribute = number | { readonly float: number } | readonly number[];

export interface NetworkNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, NodeAttribute>>;
}

/** A weight: its values, or the place of its bytes in a file beside the network. */
export interface NetworkWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** ONNX's code of the type. */
  readonly type: number;
  readonly content: Uint8Array | { readonly file: string; readonly offset: number; readonly length: number };
}

/** A network: nodes in the order of their work, and weights. */
export interface NetworkContents {
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  readonly nodes: readonly NetworkNode[];
  readonly weights: readonly NetworkWeight[];
}

/** ONNX's codes of types (onnx.proto, TensorProto.DataType). */
export const WEIGHT_TYPES = { float32: 1, int64: 7, float16: 10, bfloat16: 16 } as const;
/** ONNX's codes of attributes (onnx.proto, AttributeProto.AttributeType). */
const ATTRIBUTE_TYPES = { float: 1, integer: 2, integers: 7 } as const;
const [FORMAT, OPERATORS] = [8, 17];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  // A negative number has 64 bits in two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);

const message = (field: number, ...content: readonly Uint8Array[]): Buffer => {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(length), ...content]);
};

const text = (field: number, content: string): Buffer => message(field, Buffer.from(content, 'utf8'));

const pair = (field: number, [key, value]: readonly [string, string]): Buffer =>
  message(field, text(1, key), text(2, value));

function encodeAttribute([name, value]: readonly [string, NodeAttribute]): Buffer {
  if (typeof value === 'number')
    return message(5, text(1, name), number(3, value), number(20, ATTRIBUTE_TYPES.integer));
  if ('float' in value) {
    const float = Buffer.alloc(5);
    float[0] = 2 * 8 + 5;
    float.writeFloatLE(value.float, 1);
    return message(5, text(1, name), float, number(20, ATTRIBUTE_TYPES.float));
  }
  return message(5, text(1, name), ...value.map((each) => number(8, each)), number(20, ATTRIBUTE_TYPES.integers));
}

const encodeNode = ({ operator, inputs, outputs, attributes }: NetworkNode): Buffer =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map(encodeAttribute),
  );

function encodeWeight({ name, shape, type, content }: NetworkWeight): Buffer {
  const head = [...shape.map((size) => number(1, size)), number(2, type), text(8, name)];
  if (content instanceof Uint8Array) return message(5, ...head, message(9, content));
  const { file, offset, length } = content;
  const place = Object.entries({ location: file, offset: String(offset), length: String(length) });
  return message(5, ...head, ...place.map((entry) => pair(13, entry)), number(14, 1));
}

function encodePort(field: number, { name, type, shape }: NetworkPort): Buffer {
  const sizes = shape.map((size) => message(1, typeof size === 'number' ? number(1, size) : text(2, size)));
  const tensor = message(1, number(1, WEIGHT_TYPES[type]), message(2, ...sizes));
  return message(field, text(1, name), message(2, tensor));
}

/**
 * Encodes a network in protobuf: release 8 of the format, operators of version 17. Equal networks give equal bytes. The field numbers are
 * those of onnx.proto.
 */
export function encodeOnnxFile({ inputs, outputs, nodes, weights }: NetworkContents): Uint8Array {
  const graph = message(
    7,
    ...nodes.map(encodeNode),
    text(2, 'network'),
    ...weights.map(encodeWeight),
    ...inputs.map((port) => encodePort(11, port)),
    ...outputs.map((port) => encodePort(12, port)),
  );
  return Uint8Array.from(Buffer.concat([number(1, FORMAT), graph, message(8, number(2, OPERATORS))]));
}
