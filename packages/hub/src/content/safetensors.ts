import { parseJson } from '@ogong/protocol/base/json';
import { ContentError } from './content-error.ts';

/** Bytes before the header: its length as u64, little endian. */
export const LENGTH_BYTES = 8;
/** The longest header. Those of published models have some hundred thousand bytes. */
export const MAX_HEADER_BYTES = 16 << 20;
const MAX_TENSORS = 1 << 16;

/**
 * Parses the JSON header of a safetensors file. Its tensors have to fill the rest of the file without a gap, so nothing is hidden there.
 * @param dataBytes bytes of the file after the header.
 * @returns the number of tensors.
 * @throws ContentError, or ProtocolError for text that is no JSON.
 * Source: huggingface/safetensors, README, "Format".
 */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number): number {
  if (header[0] !== 0x7b) throw new ContentError('the header does not begin with {');
  const content = parseJson(header);
  if (!isObject(content)) throw new ContentError('the header is no object');
  const tensors = Object.entries(content).filter(([name]) => name !== '__metadata__');
  if (tensors.length > MAX_TENSORS) throw new ContentError(`${tensors.length} tensors, at most ${MAX_TENSORS}`);
  const spans = tensors
    .map(([name, tensor]) => readSpan(name.slice(0, 100), tensor))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const { name, from, to } of spans) {
    if (from !== end) throw new ContentError(`tensor ${name} begins at byte ${from}, not at ${end}`);
    end = to;
  }
  if (end !== dataBytes) throw new ContentError(`the tensors end at byte ${end} of ${dataBytes}`);
  return tensors.length;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readSpan(
  name: string,
  tensor: unknown,
): { readonly name: string; readonly from: number; readonly to: number } {
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
      return { name, from, to };
  }
  throw new ContentError(`${name} is no tensor`);
}
