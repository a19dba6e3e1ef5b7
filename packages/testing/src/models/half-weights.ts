/** Bytes of a matrix from which on weights are rounded: smaller tensors are biases, scales and shapes. */
const LEAST_BYTES = 1_024;
const FLOAT = 1;

/**
 * Rounds the weights of an ONNX file to f16, as a provider would that saves memory: the file keeps its form.
 * @param file with weights in f32 inside it.
 */
export function roundWeightsToHalf(file: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(file);
  const view = new DataView(copy.buffer);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  /** Fields of a message by number; only those with a length. */
  const walk = (
    end: number,
    visit: (field: number, from: number, to: number) => void,
    note?: (field: number, value: number) => void,
  ): void => {
    while (at < end) {
      const tag = varint();
      const [field, kind] = [Math.floor(tag / 8), tag % 8];
      if (kind === 0) note?.(field, varint());
      else if (kind === 2) {
        const length = varint();
        const from = at;
        visit(field, from, from + length);
        at = from + length;
      } else at += kind === 1 ? 8 : 4;
    }
  };
  const roundTensor = (end: number): void => {
    let type = 0;
    let raw: readonly [from: number, to: number] = [0, 0];
    walk(
      end,
      (field, from, to) => {
        if (field === 9) raw = [from, to];
      },
      (field, value) => {
        if (field === 2) type = value;
      },
    );
    const [from, to] = raw;
    if (type !== FLOAT || to - from < LEAST_BYTES) return;
    for (let byte = from; byte < to; byte += 4) view.setFloat32(byte, toHalf(view.getFloat32(byte, true)), true);
  };
  walk(copy.length, (field, _from, to) => {
    if (field !== 7) return;
    walk(to, (part, _start, end) => {
      if (part === 5) roundTensor(end);
    });
  });
  return copy;
}

/** Rounds to the nearest f16 of normal size, halves to the even one. */
function toHalf(value: number): number {
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  const step = 2 ** (exponent - 10);
  const scaled = value / step;
  const low = Math.floor(scaled);
  const rest = scaled - low;
  const isUp = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  return value === 0 ? 0 : (isUp ? low + 1 : low) * step;
}
