import type { Deployment } from '@ogong/chain/deployment';

/** The unit of stakes and payees, and that of payers. */
export const unitsOf = ({
  burnAndMint,
}: Pick<Deployment, 'burnAndMint'>): { readonly token: string; readonly paid: string } =>
  burnAndMint === undefined ? { token: 'OGONG', paid: 'OGONG' } : { token: 'OROG', paid: 'credits' };
