import type { TransferTerms } from './api.ts';

/** A wallet in the browser (EIP-1193). */
interface Wallet {
  request(call: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

export const findWallet = (): Wallet | undefined => (globalThis as { readonly ethereum?: Wallet }).ethereum;

/** How long the gateway may take to send it. */
const LIFE_S = 86_400;

/** Has the wallet sign a transfer of the token, which the gateway sends: the signer needs no gas. */
export async function signTransfer(
  wallet: Wallet,
  { domain, types, primary_type: primaryType, to }: TransferTerms,
  value: string,
): Promise<{ readonly authorization: object; readonly signature: unknown }> {
  const [from] = (await wallet.request({ method: 'eth_requestAccounts' })) as readonly string[];
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const authorization = {
    ...{ from, to, value, validAfter: '0' },
    validBefore: `${Math.floor(Date.now() / 1000) + LIFE_S}`,
    nonce: `0x${[...nonce].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`,
  };
  const domainFields = [
    { name: 'name', type: 'string' },
    { name: 'version', type: 'string' },
    { name: 'chainId', type: 'uint256' },
    { name: 'verifyingContract', type: 'address' },
  ];
  const data = JSON.stringify({
    domain,
    types: { EIP712Domain: domainFields, ...types },
    primaryType,
    message: authorization,
  });
  return { authorization, signature: await wallet.request({ method: 'eth_signTypedData_v4', params: [from, data] }) };
}
