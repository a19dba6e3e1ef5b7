import { parseJson } from '@ogong/protocol/base/json';

/** Bytes before the header: its length as u64, little endian. */
export const LENGTH_BYTES = 8;
/** The longest header. Those of published models have some hundred thousand bytes. */
export const MAX_HEADER_BYTES = 16 << 20;
const MAX_TENSORS = 1 << 16;

/** A safetensors file that breaks a rule of its format. */
export class SafetensorsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SafetensorsError';
  }
}

/** One tensor of a safetensors file. */
export interface SafetensorsTensor {
  readonly name: string;
  /** Such as F32 or BF16; any text that the file states. */
  readonly dtype: string;
  /** The last size is the contiguous one. */
  readonly shape: readonly number[];
  /** First byte and byte behind the last one, from the end of the header. */
  readonly from: number;
  readonly to: number;
}

/**
 * Parses the JSON header of a safetensors file. Its tensors have to fill the rest of the file without a gap, so nothing is hidden there.
 * @param dataBytes bytes of the file after the header.
 * @returns the tensors, ascending by their places. Their sizes are not compared with their shapes.
 * @throws SafetensorsError, or ProtocolError for text that is no JSON.
 * Source: huggingface/safetensors, README, "Format".
 */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number): readonly SafetensorsTensor[] {
  if (header[0] !== 0x7b) throw new SafetensorsError('the header does not begin with {');
  const content = parseJson(header);
  if (!isObject(content)) throw new SafetensorsError('the header is no object');
  const entries = Object.entries(content).filter(([name]) => name !== '__metadata__');
  if (entries.length > MAX_TENSORS) throw new SafetensorsError(`${entries.length} tensors, at most ${MAX_TENSORS}`);
  const tensors = entries
    .map(([name, tensor]) => readTensor(name, tensor))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const { name, from, to } of tensors) {
    if (from !== end) throw new SafetensorsError(`tensor ${shorten(name)} begins at byte ${from}, not at ${end}`);
    end = to;
  }
  if (end !== dataBytes) throw new SafetensorsError(`the tensors end at byte ${end} of ${dataBytes}`);
  return tensors;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const shorten = (name: string): string => name.slice(0, 100);

function readTensor(name: string, tensor: unknown): SafetensorsTensor {
  if (isObject(tensor)) {
    const { dtype, shape, data_offsets: offsets } = tensor;
    const [from, to] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as readonly unknown[]) : [];
    if (
      typeof dtype === 'string' &&
      Array.isArray(shape) &&
      shape.every(isCount) &&
      isCount(from) &&
      isCount(to) &&
      from <= to
    )
      return { name, dtype, shape: shape as readonly number[], from, to };
  }
  throw new SafetensorsError(`${shorten(name)} is no tensor`);
}
