import { equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import { type Check, check, fail, pass } from '../../base/checks.ts';
import type { Opening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { checkPosture } from '../../tier/posture.ts';
import { TIERS } from '../../tier/registry.ts';
import type { TierEntry } from '../../tier/tier.ts';
import { parseTensorHeader, type TensorHeader } from './header.ts';
import { joinTensorLeaves } from './leaf.ts';
import { assertCanonical } from './tensor-data.ts';
import type { Tensor } from './tensor-form.ts';
import { computeResponseSize, encodeTensorResponse } from './tensor-list.ts';

export interface TensorReplay {
  readonly checks: readonly Check[];
  /** The header, if there is one. */
  readonly header: TensorHeader | undefined;
  /** Empty unless every leaf has its place and form. */
  readonly outputs: readonly Tensor[];
}

/**
 * Runs stage 1 of tensors: the checks of their own opening without a model (docs/spec/tensor.md). The caller must have checked that
 * the leaves hash to the signed root.
 */
export function replayTensors(
  crypto: Crypto,
  record: Pick<RecordV2, 'tokenCount' | 'responseHash'>,
  opening: Pick<Opening, 'blind' | 'header' | 'windows'>,
  tiers: readonly TierEntry[] = TIERS,
): TensorReplay {
  let header: TensorHeader;
  let outputs: Tensor[];
  try {
    header = parseTensorHeader(opening.header);
    assertSize(header);
    outputs = joinTensorLeaves(header, opening.windows);
    for (const output of outputs) assertCanonical(output);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { checks: [fail('commitment-form', error.message)], header: undefined, outputs: [] };
  }
  const checks = [
    pass('commitment-form', `${outputs.length} outputs in ${header.leafCount} chunks`),
    checkPosture(header, tiers),
    check('token-count', record.tokenCount === header.leafCount, [
      `${header.leafCount} chunks of values, as the record counts`,
      `record says ${record.tokenCount} chunks, header ${header.leafCount}`,
    ]),
    checkOutputs(crypto, record, { blind: opening.blind, outputs }),
  ];
  return { checks, header, outputs };
}

/** Asserts the size before any computation. @throws ProtocolError */
function assertSize({ outputs }: TensorHeader): void {
  const sizeBytes = computeResponseSize(outputs);
  if (sizeBytes > MAX_RESPONSE_BYTES)
    throw new ProtocolError('too-large', `${sizeBytes} bytes of outputs, at most ${MAX_RESPONSE_BYTES} are served`);
}

/** Checks that the served bytes are the committed outputs, in order. */
function checkOutputs(
  crypto: Crypto,
  record: Pick<RecordV2, 'responseHash'>,
  { blind, outputs }: { readonly blind: Uint8Array; readonly outputs: readonly Tensor[] },
): Check {
  const response = hashResponse(crypto, blind, encodeTensorResponse(outputs));
  return check('tensors', equalBytes(response, record.responseHash), [
    `the committed tensors are the signed response, ${toHex(response.subarray(0, 6))}`,
    'the committed tensors are not the signed response',
  ]);
}
