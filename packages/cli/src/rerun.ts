import type { Engine } from '@ogong/engine/open-engine';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { fail, pass } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { isLocalReceipt, type LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { LOCAL_TIERS } from '@ogong/protocol/tier/local';
import { TIERS } from '@ogong/protocol/tier/registry';
import type { RerunFindings, RerunMeans } from '@ogong/provider/modality/modality';
import { findModality as findProviderModality } from '@ogong/provider/modality/registry';

/** A reply as a receipt file shows it. */
interface ShownReply {
  /** With its opening. */
  readonly receipt: Receipt | LocalReceipt;
  readonly request: Uint8Array;
  /** Media of the request. Default: none. */
  readonly media?: RequestMedia;
  /** Default: no blob is at hand. */
  readonly blobs?: FindBlob | undefined;
}

/**
 * Re-runs a reply on an engine at hand and compares, as an audit does: stage 1, then the pass of the reply's modality.
 * @throws ProtocolError if the receipt cannot be read, EngineError, Refusal.
 */
export async function rerunReceipt(
  { receipt, request, media, blobs }: ShownReply,
  means: RerunMeans<Engine>,
): Promise<RerunFindings> {
  if ('url' in receipt.opening) throw new ProtocolError('unsupported', 'a compact receipt; fetch its opening first');
  const { engine, crypto } = means;
  const { endpoint } = receipt;
  const record = parseRecordV2(receipt.record.bytes);
  const opening = parseOpening(receipt.opening.bytes);
  const tiers = isLocalReceipt(receipt) ? LOCAL_TIERS : TIERS;
  const reply = findModality(endpoint).replay(crypto, record, opening, { tiers, blobs });
  const { modelRoot } = engine.info();
  const checks = [
    ...reply.checks,
    isRequest(crypto, record, { endpoint, body: request })
      ? pass('request-hash', 'the record names this request')
      : fail('request-hash', 'the record names another request'),
    equalBytes(record.modelRoot, modelRoot)
      ? pass('model-root', `model ${toHex(record.modelRoot).slice(0, 16)}`)
      : fail('model-root', `the reply is of model ${toHex(record.modelRoot)}, this one is ${toHex(modelRoot)}`),
  ];
  if (reply.header === undefined || checks.some(({ status }) => status === 'fail')) {
    return { outcome: 'reject', checks, numericClass: undefined, difference: undefined };
  }
  const claim = { endpoint, record, opening, request, tiers, reply, media, blobs };
  const found = await findProviderModality(engine).rerun(claim, means);
  return { ...found, checks: [...checks, ...found.checks] };
}
