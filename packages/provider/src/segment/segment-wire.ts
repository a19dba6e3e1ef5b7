import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SegmentEngineInfo, SegmentPass } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import type { LayerRange } from '@ogong/models/slabs/plan-slabs';
import { toHex } from '@ogong/protocol/base/bytes';
import type {
  RunSegmentRequest,
  RunSegmentRequestSchema,
  SegmentFacts,
  SegmentFactsSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** Layers of a segment, of how many, and the model if its root is known. */
export interface SegmentRange extends LayerRange {
  readonly layers: number;
  /** Root of the whole model, hex. */
  readonly modelRoot: string | undefined;
}

/** Properties of a segment on another machine. */
export interface MachineSegment {
  readonly info: SegmentEngineInfo;
  readonly range: SegmentRange;
}

/** Bytes of the random names of a leader and of a lead. */
export const LEAD_BYTES = 16;
/** Rows of one pass at most, in bytes. */
export const MAX_PASS_BYTES = 64 * 2 ** 20;
/** Room for a message's other fields. */
export const MESSAGE_ROOM = 64 * 1024;
const VALUE_BYTES = 4;
const KINDS = ['prompt', 'step', 'score'] as const;

/** Bytes of the rows of a segment's largest pass. */
export const countPassBytes = ({ passRows, embeddingSize }: SegmentEngineInfo): number =>
  passRows * embeddingSize * VALUE_BYTES;

const toBytes = ({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A copy: the bytes of a message begin anywhere. */
const copyBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

export const encodeRows = (rows: Float32Array): Uint8Array => toBytes(rows);

/** @returns f32[rows, embeddingSize]. @throws RangeError if the bytes are not so many rows, or a value is not finite. */
export function readRows(bytes: Uint8Array, rows: number, { embeddingSize }: SegmentEngineInfo): Float32Array {
  if (bytes.length !== rows * embeddingSize * VALUE_BYTES)
    throw new RangeError(`${bytes.length} bytes are not ${rows} rows of ${embeddingSize} values`);
  const values = new Float32Array(copyBuffer(bytes));
  if (!values.every(Number.isFinite)) throw new RangeError('a row has a value that is not finite');
  return values;
}

export function encodePass(
  { kind, groups, input }: SegmentPass,
  lead: Uint8Array,
): MessageInitShape<typeof RunSegmentRequestSchema> {
  return { lead, kind: KINDS.indexOf(kind), groups: [...groups], input: toBytes(input) };
}

/** The engine checks sequences and positions. @throws Refusal if the pass is larger than the segment's, or its input does not fit. */
export function readPass(request: RunSegmentRequest, info: SegmentEngineInfo): SegmentPass {
  const { groups, input } = request;
  const kind = KINDS[request.kind];
  if (kind === undefined) throw new Refusal('invalid', `${request.kind} is no kind of pass`);
  if (groups.length > info.sequences)
    throw new Refusal('invalid', `a pass has ${info.sequences} sequences at most, not ${groups.length}`);
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  if (rows > info.passRows) throw new Refusal('invalid', `a pass has ${info.passRows} rows at most, not ${rows}`);
  const taken = groups.map(({ sequence, position, rows }) => ({ sequence, position, rows }));
  if (info.place === 'first') {
    if (input.length !== rows * VALUE_BYTES) throw new Refusal('invalid', 'the first segment takes a token a row');
    return { kind, groups: taken, input: new Uint32Array(copyBuffer(input)) };
  }
  try {
    return { kind, groups: taken, input: readRows(input, rows, info) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal('invalid', error.message);
  }
}

export function encodeFacts(
  { info, range }: MachineSegment,
  lead: Uint8Array,
): MessageInitShape<typeof SegmentFactsSchema> {
  const { embeddingSize, vocabularySize, contextSize, sequences, passRows, numericClass, canDropPositions } = info;
  const { from, to, layers, modelRoot } = range;
  return {
    ...{ lead, from, to, layers, embeddingSize, vocabularySize, contextSize, sequences, passRows, numericClass },
    ...{ canDropPositions, modelRoot: modelRoot === undefined ? new Uint8Array() : Buffer.from(modelRoot, 'hex') },
  };
}

/** @throws RangeError for facts that no segment before the last can have. */
export function readFacts(facts: SegmentFacts): MachineSegment {
  const { from, to, layers, embeddingSize, vocabularySize, contextSize, sequences, passRows, modelRoot } = facts;
  const { numericClass, canDropPositions } = facts;
  const isRange = from < to && to < layers && layers <= 0xffff;
  const isSized = [embeddingSize, contextSize, sequences, passRows].every((count) => count > 0);
  if (!isRange || !isSized || passRows * embeddingSize * VALUE_BYTES > MAX_PASS_BYTES)
    throw new RangeError(
      `it states layers ${from} to ${to} of ${layers} with ${passRows} rows of ${embeddingSize} values`,
    );
  if (!/^[\x21-\x7e]{1,256}$/.test(numericClass) || ![0, 32].includes(modelRoot.length))
    throw new RangeError('it states no numeric class, or a model root of another length');
  return {
    info: {
      ...{ place: from === 0 ? 'first' : 'interior', layers: to - from, embeddingSize, vocabularySize, contextSize },
      ...{ sequences, passRows, numericClass, canDropPositions },
    },
    range: { from, to, layers, modelRoot: modelRoot.length === 0 ? undefined : toHex(modelRoot) },
  };
}
