/** Numbers of fields, and ONNX's code of f32 (onnx.proto). */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_TYPE = 2;
const TENSOR_BYTES = 9;
const F32 = 1;
/** Tensors with fewer values are constants of the graph, not weights. */
const LEAST_WEIGHTS = 64;

interface Field {
  readonly number: number;
  readonly value: number;
  /** Content of a field with a length. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Changes the f32 weights of an ONNX file whose weights lie inside it. The graph stays, so the same kernels run.
 * @param change changes the weights of one tensor in place.
 * @returns a changed copy.
 */
export function mapOnnxWeights(file: Uint8Array, change: (weights: Float32Array) => void): Uint8Array {
  const copy = Uint8Array.from(file);
  for (const graph of listFields(copy, MODEL_GRAPH))
    for (const tensor of listFields(graph, GRAPH_INITIALIZER)) {
      const fields = [...readFields(tensor)];
      const isFloat = fields.some(({ number, value }) => number === TENSOR_TYPE && value === F32);
      const raw = fields.find(({ number }) => number === TENSOR_BYTES)?.bytes;
      if (!isFloat || raw === undefined || raw.length < 4 * LEAST_WEIGHTS) continue;
      // The bytes of a tensor may begin anywhere, and f32 values in memory begin at multiples of 4.
      const weights = new Float32Array(Uint8Array.from(raw).buffer);
      change(weights);
      raw.set(new Uint8Array(weights.buffer));
    }
  return copy;
}

const listFields = (message: Uint8Array, wanted: number): Uint8Array[] =>
  [...readFields(message)].flatMap(({ number, bytes }) => (number === wanted && bytes ? [bytes] : []));

/** Reads the fields of one protobuf message. */
function* readFields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('the ONNX file ends too early');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, type] = [key >>> 3, key & 7];
    if (type === 0) yield { number, value: varint(), bytes: undefined };
    else if (type === 2) {
      const length = varint();
      yield { number, value: 0, bytes: message.subarray(at, at + length) };
      at += length;
    } else if (type === 1 || type === 5) {
      at += type === 1 ? 8 : 4;
    } else throw new RangeError(`a protobuf field of type ${type}`);
  }
}
