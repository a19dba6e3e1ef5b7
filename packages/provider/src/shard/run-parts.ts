import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { ShardAnswer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type BoundaryPass,
  encodeBoundaryPass,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import type { RememberedOrder, RunningOrder } from './order-memory.ts';

/** The part of one order in a pass. */
export interface PassPart {
  readonly held: RememberedOrder;
  readonly running: RunningOrder;
  readonly pass: BoundaryPass;
}

/** A signed pass, or the reason of a refusal. */
export type PassAnswer = ShardAnswer['result'];

export const writeRefusal = ({ rawMessage }: Refusal): PassAnswer => ({ case: 'refusal', value: rawMessage });

/** Asserts that parts are one pass. @param passRows rows of a pass at most. @throws Refusal */
export function assertOnePass(parts: readonly PassPart[], passRows: number): void {
  const [first] = parts;
  if (first === undefined) return;
  const { kind, rows } = first.pass.head;
  if (new Set(parts.map(({ running }) => running)).size !== parts.length)
    throw new Refusal('invalid', 'an order has two parts in one pass');
  if (parts.some(({ pass: { head } }) => head.kind !== kind || head.rows !== rows))
    throw new Refusal('invalid', 'the parts of a pass have different kinds or numbers of rows');
  if (rows * parts.length > passRows)
    throw new Refusal('invalid', `a pass of ${rows * parts.length} rows, at most ${passRows}`);
}

/** Runs accepted parts whose sequences ascend. @returns rows of all of them. */
async function compute(
  segment: SegmentEngine,
  parts: readonly PassPart[],
  values: readonly (Uint32Array | Float32Array)[],
): Promise<Float32Array> {
  const [first] = parts as [PassPart, ...PassPart[]];
  for (const { running, pass } of parts) {
    const { position } = pass.head;
    if (running.rows.computed > position) await segment.drop(running.slot, position);
  }
  const output = await segment.run({
    kind: first.pass.head.kind,
    groups: parts.map(({ running, pass: { head } }) => ({
      ...{ sequence: running.slot, position: head.position, rows: head.rows },
    })),
    input: joinValues(values),
  });
  if (output.kind !== 'rows') throw new EngineError('engine-crashed', 'a segment before the last one returned logits');
  for (const { running, pass } of parts) running.rows.computed = pass.head.position + pass.head.rows;
  return output.rows;
}

/**
 * Runs the parts of a pass. An order whose part is refused is over. @param end an order. @returns signed passes, and reasons of refusals.
 */
export async function runParts(
  segment: SegmentEngine,
  parts: readonly PassPart[],
  end: (held: RememberedOrder) => void,
): Promise<ReadonlyMap<PassPart, PassAnswer>> {
  const answers = new Map<PassPart, PassAnswer>();
  const refuse = (part: PassPart, error: unknown): void => {
    end(part.held);
    answers.set(part, writeRefusal(toRefusal(error)));
  };
  const send = (part: PassPart, rows: Float32Array): void => {
    const { kind, position } = part.pass.head;
    try {
      answers.set(part, { case: 'pass', value: encodeBoundaryPass(part.running.rows.sent.send(kind, position, rows)) });
    } catch (error) {
      refuse(part, error);
    }
  };
  const accepted: PassPart[] = [];
  const values: (Uint32Array | Float32Array)[] = [];
  for (const part of [...parts].sort((a, b) => a.running.slot - b.running.slot)) {
    const result = part.running.rows.accept(part.pass);
    if (!result.ok) {
      refuse(part, new Refusal('invalid', `the pass is refused, ${result.reason}: ${result.detail}`));
      continue;
    }
    if (result.again !== undefined) {
      send(part, result.again);
      continue;
    }
    accepted.push(part);
    values.push(result.values);
  }
  if (accepted.length === 0) return answers;
  try {
    const rows = await compute(segment, accepted, values);
    const size = rows.length / accepted.length;
    accepted.forEach((part, i) => {
      send(part, rows.subarray(i * size, (i + 1) * size));
    });
  } catch (error) {
    // These orders have accepted rows that were not computed, so none of them can go on.
    for (const part of accepted) refuse(part, error);
  }
  return answers;
}

function joinValues(parts: readonly (Uint32Array | Float32Array)[]): Uint32Array | Float32Array {
  const [first] = parts as [Uint32Array | Float32Array];
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = first instanceof Uint32Array ? new Uint32Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @throws Refusal */
export function readPass(encoded: Uint8Array): BoundaryPass {
  try {
    return parseBoundaryPass(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `a pass: ${error.message}`);
    throw error;
  }
}

/** @throws the error itself if it is a bug. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof EngineError) return new Refusal('unavailable', error.message);
  if (error instanceof ProtocolError) return new Refusal('unavailable', `this shard's rows: ${error.message}`);
  throw error;
}
