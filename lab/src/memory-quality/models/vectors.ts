import type { StoredEvidence } from '@ogong/memory/memory';
import { toEvidence } from '@ogong/memory/models/ask-fields';
import { utf8Encode } from '@ogong/protocol/base/bytes';

export function toUnit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Evidence that no reader checks: the quality of a memory is measured, and not its receipts. */
export const toUncheckedEvidence = (model: string, texts: readonly string[]): StoredEvidence =>
  toEvidence({
    ...{ endpoint: 'embedding', model, receipt: utf8Encode(JSON.stringify(texts)) },
    ...{ request: new Uint8Array(), response: new Uint8Array() },
  });
