import type { Deployment } from '@ogong/chain/deployment';

/** Digits of a whole token after the point. */
export const DECIMALS = 18;

/** All digits of it, without trailing zeros. */
export function formatTokens(atomic: bigint, decimals = DECIMALS): string {
  const unit = 10n ** BigInt(decimals);
  const fraction = (atomic % unit).toString().padStart(decimals, '0').replace(/0+$/, '');
  const whole = (atomic / unit).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** The unit of stakes and payees, and that of payers. */
export const unitsOf = ({
  burnAndMint,
}: Pick<Deployment, 'burnAndMint'>): { readonly token: string; readonly paid: string } =>
  burnAndMint === undefined ? { token: 'OGONG', paid: 'OGONG' } : { token: 'OROG', paid: 'credits' };
