import type { Deployment, TokenPlace } from '@ogong/chain/deployment';
import type { Address, Hex } from '@ogong/chain/hex';
import { TOKEN_DOMAIN, type TransferAuthorization } from '@ogong/chain/money/authorizations';
import { UPTO_PROXY } from '@ogong/chain/money/permits';
import { z } from 'zod';
import type { UptoOffer } from './permit-store.ts';

/** The headers of x402, version 2 (docs/accounts.md#without-a-key). Each is base64 of JSON. */
export const PAYMENT_REQUIRED_HEADER = 'payment-required';
export const PAYMENT_HEADER = 'payment-signature';
export const PAYMENT_RESPONSE_HEADER = 'payment-response';

/** Longest header of a payment, in characters; ours has some 1,200. */
const MOST_CHARACTERS = 8_192;
/** Time that a wallet may take to sign and send. */
const MAX_TIMEOUT_S = 300;
/** Life of a permit: its request runs first, and the verdict about the reply decides the price. */
const UPTO_TIMEOUT_S = 3_600;
/** Amounts of the network have 128 bits. */
const MOST_ATOMIC = 2n ** 128n - 1n;

export interface PaymentTerms {
  readonly deployment: TokenPlace;
  readonly payTo: Address;
  readonly amountAtomic: bigint;
  /** URL of the paid resource. */
  readonly url: string;
  /** The account that takes payments of scheme `upto`; undefined where none is taken. */
  readonly facilitator?: Address | undefined;
}

export interface PaymentOffer {
  readonly authorization: TransferAuthorization;
  readonly signature: Hex;
}

export const isUpto = (offer: PaymentOffer | UptoOffer): offer is UptoOffer => 'permit' in offer;

export const nameNetwork = ({ chainId }: Pick<Deployment, 'chainId'>): string => `eip155:${chainId}`;

/** @param problem reason why the sent payment is refused; undefined if none was sent. */
export function encodePaymentRequired(
  { deployment, payTo, amountAtomic, url, facilitator }: PaymentTerms,
  problem = `${PAYMENT_HEADER.toUpperCase()} header is required`,
): string {
  const same = { network: nameNetwork(deployment), amount: `${amountAtomic}`, asset: deployment.token, payTo };
  const exact = {
    ...{ scheme: 'exact', ...same, maxTimeoutSeconds: MAX_TIMEOUT_S },
    extra: { ...TOKEN_DOMAIN, assetTransferMethod: 'eip3009' },
  };
  const upto = {
    ...{ scheme: 'upto', ...same, maxTimeoutSeconds: UPTO_TIMEOUT_S },
    extra: { ...TOKEN_DOMAIN, assetTransferMethod: 'permit2', facilitatorAddress: facilitator },
  };
  const resource = {
    url,
    description: 'The most that this request may cost; the rest is credit (exact), or is not taken (upto)',
    mimeType: 'application/json',
  };
  const accepts = facilitator === undefined ? [exact] : [exact, upto];
  return encode({ x402Version: 2, error: problem, resource, accepts });
}

export const encodePaymentResponse = (answer: {
  readonly success: boolean;
  /** Empty if the payer had credit left. */
  readonly transaction: string;
  readonly network: string;
  readonly payer: string;
}): string => encode(answer);

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase() as Address);
const hexBytes = (size: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${size * 2}}$`))
    .transform((text) => text.toLowerCase() as Hex);
const number = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,77})$/)
  .transform(BigInt);

/** An authorization of ERC-3009 and its signature, in the format of wallets and x402. */
export const signedTransfer = z.object({
  signature: hexBytes(65),
  authorization: z.object({
    from: address,
    to: address,
    value: number,
    validAfter: number,
    validBefore: number,
    nonce: hexBytes(32),
  }),
});

const atomic = number.refine((value) => value <= MOST_ATOMIC);

/** A permit in the format of x402. */
const signedPermit = z.object({
  signature: hexBytes(65),
  permit2Authorization: z.object({
    from: address,
    permitted: z.object({ token: address, amount: atomic }),
    spender: address,
    nonce: number,
    deadline: atomic,
    witness: z.object({ to: address, facilitator: address, validAfter: atomic }),
  }),
});

const same = { network: z.string(), asset: address };
const paymentBody = z.union([
  z.object({
    x402Version: z.literal(2),
    accepted: z.object({ scheme: z.literal('exact'), ...same }),
    payload: signedTransfer,
  }),
  z.object({
    x402Version: z.literal(2),
    accepted: z.object({ scheme: z.literal('upto'), ...same }),
    payload: signedPermit,
  }),
]);

/** @returns undefined for a malformed payment, or one of another scheme, chain or token. */
export function parsePayment(
  header: string,
  deployment: PaymentTerms['deployment'],
): PaymentOffer | UptoOffer | undefined {
  if (header.length > MOST_CHARACTERS || !/^[A-Za-z0-9+/]+={0,2}$/.test(header)) return undefined;
  let given: unknown;
  try {
    given = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = paymentBody.safeParse(given);
  if (!parsed.success) return undefined;
  const { accepted, payload } = parsed.data;
  if (accepted.network !== nameNetwork(deployment) || accepted.asset !== deployment.token) return undefined;
  return 'authorization' in payload ? payload : readPermit(payload, deployment.token);
}

/** @returns undefined for a permit of another token, or one that another contract may use. */
function readPermit(
  { signature, permit2Authorization }: z.infer<typeof signedPermit>,
  token: Address,
): UptoOffer | undefined {
  const { from, permitted, spender, nonce, deadline, witness } = permit2Authorization;
  if (permitted.token !== token || spender !== UPTO_PROXY) return undefined;
  return { permit: { from, maximum: permitted.amount, nonce, deadline, ...witness }, signature };
}
