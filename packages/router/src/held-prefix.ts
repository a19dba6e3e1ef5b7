import { toHex } from '@ogong/protocol/base/bytes';

/** Of a provider id, between routers: nobody finds two keys whose hashes begin alike. */
export const HELD_PREFIX_BYTES = 8;

export const toPrefix = (providerId: Uint8Array): string => toHex(providerId.subarray(0, HELD_PREFIX_BYTES));
