import type { Shares } from '@ogong/chain/deploy/deploy';
import type { FeeShares } from '@ogong/protocol/exchange/fee';

/** Shares as the protocol's code names them. */
export const toFeeShares = ({
  router,
  validator,
  verification,
  treasury,
  license,
  recycle,
  maker,
}: Shares): FeeShares => ({
  ...{ routerBps: router, validatorBps: validator, verificationBps: verification, treasuryBps: treasury },
  ...{ licenseBps: license, recycleBps: recycle, makerBps: maker },
});
