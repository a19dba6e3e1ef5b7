import { fromHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { Deployment } from './deployment.ts';
import type { Address } from './hex.ts';

/** Domain of signatures for one contract of a network (EIP-712). */
export const domainOf = ({ chainId }: Pick<Deployment, 'chainId'>, contract: Address): LedgerDomain => ({
  chainId: BigInt(chainId),
  verifyingContract: fromHex(contract.slice(2), 20),
});
