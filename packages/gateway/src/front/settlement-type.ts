import type { ApiContext } from '@ogong/host/http/api-app';
import { SETTLEMENT_HEADER, SETTLEMENT_TYPES, type SettlementType } from '@ogong/protocol/http/routes';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';

/** Reads the part of a call's replies that becomes public. Default: `batch`. @throws RequestError for an unknown type. */
export function readSettlementType({ req }: Pick<ApiContext, 'req'>): SettlementType {
  const named = req.header(SETTLEMENT_HEADER);
  if (named === undefined) return 'batch';
  const found = SETTLEMENT_TYPES.find((type) => type === named);
  if (found !== undefined) return found;
  throw new RequestError(`${SETTLEMENT_HEADER}: expected one of ${SETTLEMENT_TYPES.join(', ')}`);
}

/** The same for a request that its client has sealed. @throws RequestError also for `individual`. */
export function readSealedType(context: Pick<ApiContext, 'req'>): SettlementType {
  const type = readSettlementType(context);
  if (type !== 'individual') return type;
  throw new RequestError(
    `${SETTLEMENT_HEADER}: a gateway cannot publish a sealed reply, since it has no text of it; publish your disclosure, or do not seal`,
  );
}
