/** An ONNX file in miniature: nodes without edges, enough for readers of its header. */
export interface OnnxSketch {
  /** Operators, one node each; `domain:Name` outside ONNX's own domain. */
  readonly operators?: readonly string[];
  /** Value of the attribute `accuracy_level` of every node. */
  readonly accuracyLevel?: number;
  /** Weights: ONNX's code of the type, values, and the file that holds them if it is another. */
  readonly weights?: readonly { readonly type: number; readonly values: number; readonly file?: string }[];
  /** Graphs inside graphs. */
  readonly depth?: number;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
];
const text = (field: number, content: string): number[] => bytes(field, [...Buffer.from(content, 'utf8')]);

/** Encodes a sketch in protobuf, by the field numbers of onnx.proto. */
export function encodeOnnx({ operators = [], accuracyLevel, weights = [], depth = 0 }: OnnxSketch): Uint8Array {
  const nodes = operators.map((operator) => {
    const [name = '', domain] = operator.split(':').reverse();
    const level =
      accuracyLevel === undefined ? [] : bytes(5, [...text(1, 'accuracy_level'), ...number(3, accuracyLevel)]);
    return bytes(1, [...text(4, name), ...(domain === undefined ? [] : text(7, domain)), ...level]);
  });
  const tensors = weights.map(({ type, values, file }) => {
    const location = file === undefined ? [] : bytes(13, [...text(1, 'location'), ...text(2, file)]);
    return bytes(5, [...number(1, values), ...number(2, type), ...location]);
  });
  let graph = [...nodes, ...tensors].flat();
  for (let i = 0; i < depth; i++) graph = bytes(1, [...text(4, 'If'), ...bytes(5, bytes(6, graph))]);
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph)]);
}

/** A value that enters or leaves a network. A text stands for a size that each run chooses. */
export interface OnnxValue {
  readonly name: string;
  readonly type: 'float32' | 'float64' | 'int64' | 'bool' | 'string';
  readonly shape: readonly (number | string)[];
  /** A list of maps from texts to f32, as ZipMap returns it. Default: a tensor of type and shape. */
  readonly isMap?: boolean;
}

export interface OnnxNode {
  /** `domain:Name` outside ONNX's own domain. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Outputs after the first one. Default: none. */
  readonly moreOutputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** An integer, a list of them, a text, a list of texts, or a list of f32. */
export type OnnxAttribute = number | readonly number[] | string | readonly string[] | Float32Array;

/** A network that runs: nodes in their order, and weights. */
export interface OnnxNetwork {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly weights: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | BigInt64Array }>
  >;
}

/** An ONNX file, and the file of its weights if they lie beside it. */
export interface EncodedNetwork {
  readonly model: Uint8Array;
  readonly weights: Uint8Array;
}

const TYPE_CODES = { float32: 1, int64: 7, string: 8, bool: 9, float64: 11 } as const;
const ATTRIBUTE_CODES = { integer: 2, text: 3, floats: 6, integers: 7, texts: 8 } as const;

const encodeAttribute = ([name, value]: readonly [string, OnnxAttribute]): number[] =>
  bytes(5, [...text(1, name), ...encodeAttributeValue(value)]);

function encodeAttributeValue(value: OnnxAttribute): number[] {
  if (typeof value === 'number') return [...number(3, value), ...number(20, ATTRIBUTE_CODES.integer)];
  if (typeof value === 'string') return [...text(4, value), ...number(20, ATTRIBUTE_CODES.text)];
  if (value instanceof Float32Array)
    return [...bytes(7, [...new Uint8Array(value.buffer)]), ...number(20, ATTRIBUTE_CODES.floats)];
  const isText = value.some((each) => typeof each === 'string');
  const items = value.flatMap((each) => (typeof each === 'string' ? text(9, each) : number(8, each)));
  return [...items, ...number(20, isText ? ATTRIBUTE_CODES.texts : ATTRIBUTE_CODES.integers)];
}

const encodeNode = ({ operator, inputs, output, moreOutputs = [], attributes = {} }: OnnxNode): number[] => {
  const [name = '', domain] = operator.split(':').reverse();
  return bytes(1, [
    ...inputs.flatMap((read) => text(1, read)),
    ...[output, ...moreOutputs].flatMap((made) => text(2, made)),
    ...text(4, name),
    ...Object.entries(attributes).flatMap(encodeAttribute),
    ...(domain === undefined ? [] : text(7, domain)),
  ]);
};

function encodeValue(field: number, { name, type, shape, isMap = false }: OnnxValue): number[] {
  if (isMap) {
    const float = bytes(1, number(1, TYPE_CODES.float32));
    const map = bytes(5, [...number(1, TYPE_CODES.string), ...bytes(2, float)]);
    return bytes(field, [...text(1, name), ...bytes(2, bytes(4, bytes(1, map)))]);
  }
  const sizes = shape.flatMap((size) => bytes(1, typeof size === 'number' ? number(1, size) : text(2, size)));
  const tensor = [...number(1, TYPE_CODES[type]), ...bytes(2, sizes)];
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, tensor))]);
}

/** Encodes a network in protobuf: release 8 of the format, operators of version 17. */
export const encodeNetwork = (network: OnnxNetwork): Uint8Array => encodeWith(network, undefined).model;

/** Encodes a network whose weights of f32 lie in a file beside it. @param file the name of that file. */
export const encodeNetworkBeside = (network: OnnxNetwork, file: string): EncodedNetwork => encodeWith(network, file);

/** Release of the operators of a domain besides ONNX's own. */
const DOMAIN_RELEASE = 1;

const pair = (field: number, [key, value]: readonly [string, string]): number[] =>
  bytes(field, [...text(1, key), ...text(2, value)]);

function encodeWith({ inputs, outputs, nodes, weights }: OnnxNetwork, file: string | undefined): EncodedNetwork {
  const beside: Uint8Array[] = [];
  let offset = 0;
  const place = (raw: Uint8Array, type: number): Buffer => {
    if (file === undefined || type !== TYPE_CODES.float32) return wrap(9, raw);
    const entries = { location: file, offset: String(offset), length: String(raw.length) };
    beside.push(raw);
    offset += raw.length;
    return Buffer.from([...Object.entries(entries).flatMap((entry) => pair(13, entry)), ...number(14, 1)]);
  };
  const graph = Buffer.concat([
    ...nodes.map((node) => Buffer.from(encodeNode(node))),
    Buffer.from(text(2, 'network')),
    ...Object.entries(weights).map(([name, { shape, data }]) => {
      const type = data instanceof Float32Array ? TYPE_CODES.float32 : TYPE_CODES.int64;
      const head = [...shape.flatMap((size) => number(1, size)), ...number(2, type), ...text(8, name)];
      const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return wrap(5, Buffer.concat([Buffer.from(head), place(raw, type)]));
    }),
    ...inputs.map((value) => Buffer.from(encodeValue(11, value))),
    ...outputs.map((value) => Buffer.from(encodeValue(12, value))),
  ]);
  const domains = new Set(
    nodes.map(({ operator }) => operator.split(':').reverse()[1]).filter((name) => name !== undefined),
  );
  const imports = [...domains].map((name) => Buffer.from(bytes(8, [...text(1, name), ...number(2, DOMAIN_RELEASE)])));
  const release = [Buffer.from(bytes(8, number(2, 17))), ...imports];
  const model = Buffer.concat([Buffer.from(number(1, 8)), wrap(7, graph), ...release]);
  return { model, weights: Buffer.concat(beside) };
}

/** As `bytes`, for content of many megabytes. */
const wrap = (field: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
