import { toHex } from '@ogong/protocol/base/bytes';

/**
 * Length of the prefixes of provider ids between routers. It is long enough that no two keys can be found with the same prefix.
 */
export const HELD_PREFIX_BYTES = 8;

export const toPrefix = (providerId: Uint8Array): string => toHex(providerId.subarray(0, HELD_PREFIX_BYTES));
