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
