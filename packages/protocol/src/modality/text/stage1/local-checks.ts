import { equalBytes } from '../../../base/bytes.ts';
import { type Check, check } from '../../../base/checks.ts';
import type { RecordV2 } from '../../../commitment/record.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { LocalReplyContext } from '../../modality.ts';
import type { Header } from '../commitment/header.ts';
import type { InferenceRequest } from '../request/request.ts';
import { checkGrammar, checkSampler, checkStops } from './header-checks.ts';

const DAY_MS = 86_400_000n;
const ZERO = new Uint8Array(32);

/** Checks a text's header that no order and no beacon fixes. */
export function checkLocalText(
  crypto: Crypto,
  header: Header,
  { request, record, response, hasTier }: LocalReplyContext<InferenceRequest>,
): readonly Check[] {
  const { modelRoot, startNs } = record;
  const day = Number(startNs / 1_000_000n / DAY_MS);
  return [
    checkLocalDrawKey(header, record, request),
    checkSampler(crypto, header, { request, choice: header.choice, day, modelRoot, hasTier }),
    checkStops(header, { request, response, mayBeCancelled: true }),
    ...checkGrammar(header, { request, response }),
  ];
}

/** Checks that the request, or this answer and a nonce of the machine, fix the key of the draws. */
export function checkLocalDrawKey(
  { drawKey, choice }: Pick<Header, 'drawKey' | 'choice'>,
  record: RecordV2,
  { seed }: Pick<InferenceRequest, 'seed'>,
): Check {
  if (drawKey.mode === 'seed') {
    const ok =
      drawKey.seed === seed &&
      drawKey.choice === choice &&
      equalBytes(drawKey.modelRoot, record.modelRoot) &&
      equalBytes(drawKey.requestHash, ZERO);
    return check('draw-key', ok, ["keyed by the request's seed", 'the header keys its draws by another seed']);
  }
  const ok =
    seed === undefined &&
    equalBytes(drawKey.requestHash, record.requestHash) &&
    equalBytes(drawKey.replyId, record.replyId) &&
    equalBytes(drawKey.providerId, ZERO) &&
    drawKey.epoch === 0n &&
    equalBytes(drawKey.beacon, ZERO);
  return check('draw-key', ok, [
    'keyed by this answer and a nonce of the machine itself',
    'the header keys its draws by other inputs than those of this answer',
  ]);
}
