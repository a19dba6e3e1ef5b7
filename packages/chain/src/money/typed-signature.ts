import { type RecoverTypedDataAddressParameters, recoverTypedDataAddress } from 'viem';
import type { Address } from '../hex.ts';

/** Whether the key of an account signed typed data (EIP-712). A contract's signature (ERC-1271) is none. @param signer in lower case */
export async function isSignedBy(signer: Address, signed: RecoverTypedDataAddressParameters): Promise<boolean> {
  const found = await recoverTypedDataAddress(signed).catch(() => undefined);
  return found?.toLowerCase() === signer;
}
