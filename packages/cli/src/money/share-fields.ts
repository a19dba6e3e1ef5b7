import { MAX_TOTAL_SHARES_BPS } from '@ogong/protocol/exchange/fee';
import { z } from 'zod';

/** None is above the limit of their sum; the contract has a closer bound for each. */
const bps = z.int().min(0).max(MAX_TOTAL_SHARES_BPS);

/** The shares of a fee that a file names, in basis points; absent shares stay as they are. */
export const shareFields = z
  .strictObject({
    router: bps,
    validator: bps,
    verification: bps,
    treasury: bps,
    license: bps,
    recycle: bps,
    maker: bps,
  })
  .partial();
