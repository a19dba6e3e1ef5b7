import type { Deployment, TokenPlace } from '@ogong/chain/deployment';
import type { Address, Hex } from '@ogong/chain/hex';
import { TOKEN_DOMAIN, type TransferAuthorization } from '@ogong/chain/money/authorizations';
import { type SignedPermit, UPTO_PROXY } from '@ogong/chain/money/permits';
import { PERMIT2, type SignedApproval } from '@ogong/chain/money/signed-approvals';
import { z } from 'zod';

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

/** x402's extension for a payer without gas: it signs the approval of Permit2 (EIP-2612), and the gateway sends it along. */
const APPROVAL_EXTENSION = 'eip2612GasSponsoring';
const APPROVAL_FIELDS = ['from', 'asset', 'spender', 'amount', 'nonce', 'deadline', 'signature', 'version'];
const APPROVAL_TERMS = {
  info: { description: 'The gateway executes an approval of Permit2 together with the payment', version: '1' },
  schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: Object.fromEntries(APPROVAL_FIELDS.map((name) => [name, { type: 'string' }])),
    required: APPROVAL_FIELDS,
  },
};

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

export const isUpto = (offer: PaymentOffer | SignedPermit): offer is SignedPermit => 'permit' in offer;

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
  const about = { x402Version: 2, error: problem, resource };
  if (facilitator === undefined) return encode({ ...about, accepts: [exact] });
  return encode({ ...about, accepts: [exact, upto], extensions: { [APPROVAL_EXTENSION]: APPROVAL_TERMS } });
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

const signedApproval = z.object({
  ...{ from: address, asset: address, spender: address, signature: hexBytes(65) },
  ...{ amount: atomic, nonce: atomic, deadline: atomic, version: z.literal('1') },
});
/** A client repeats our own fields if it has nothing to approve. */
const noApproval = z.object({ signature: z.undefined().optional() });
const extensions = z.object({
  [APPROVAL_EXTENSION]: z.object({ info: z.union([signedApproval, noApproval]) }).optional(),
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
    extensions: extensions.nullish(),
  }),
]);

/** @returns undefined for a malformed payment, or one of another scheme, chain or token. */
export function parsePayment(
  header: string,
  deployment: PaymentTerms['deployment'],
): PaymentOffer | SignedPermit | undefined {
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
  if ('authorization' in payload) return payload;
  const info = 'extensions' in parsed.data ? parsed.data.extensions?.[APPROVAL_EXTENSION]?.info : undefined;
  return readPermit(payload, info && 'amount' in info ? info : undefined, deployment.token);
}

/** @returns undefined for a permit or an approval of another token, or one that another contract may use. */
function readPermit(
  { signature, permit2Authorization }: z.infer<typeof signedPermit>,
  approved: z.infer<typeof signedApproval> | undefined,
  token: Address,
): SignedPermit | undefined {
  const { from, permitted, spender, nonce, deadline, witness } = permit2Authorization;
  if (permitted.token !== token || spender !== UPTO_PROXY) return undefined;
  const permit = { from, maximum: permitted.amount, nonce, deadline, ...witness };
  if (approved === undefined) return { permit, signature, approval: undefined };
  if (approved.from !== from || approved.asset !== token || approved.spender !== PERMIT2) return undefined;
  return { permit, signature, approval: toApproval(approved) };
}

const toApproval = ({ amount: value, nonce, deadline, signature }: z.infer<typeof signedApproval>): SignedApproval => ({
  value,
  nonce,
  deadline,
  signature,
});
