import { ApiError } from '@ogong/host/http/api-error';

/** Parses a number of a query. @throws ApiError `invalid_request` for other text, and above `most`. */
export function readCount(text: string, param: string, most: bigint): bigint {
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value > most) {
    throw new ApiError('invalid_request', `Expected a whole number up to ${most}.`, { param });
  }
  return value;
}
