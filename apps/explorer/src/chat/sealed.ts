// Loaded by load-sealed.ts alone: sealing and vendors' certificates are no part of what a chat needs first.
import { checkMachine } from '@ogong/attestation/machine-check';
import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { toBase64 } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import { type CheckedReply, type ClientOptions, createClient, ReceiptError, SealedCallError } from '@ogong/sdk';
import { createOfferTrust, readNetworkTrust } from '../check/network-trust.ts';
import type { NetworkState } from '../data/store.ts';
import type { ChatBody } from './conversation.ts';
import type { AnswerSoFar } from './gateway.ts';
import type { SealedReceipt } from './sealed-receipt.ts';

export interface SealedQuestion {
  readonly baseUrl: string;
  readonly key: string;
  readonly body: ChatBody;
  /** JSON of docs/spec/tee-tier.md#policy. */
  readonly policy: string;
  readonly network: NetworkState;
  readonly signal: AbortSignal;
}

/** An answer with its proof, or with the checks that it fails. */
export interface OpenedAnswer extends Pick<AnswerSoFar, 'text' | 'reasoning' | 'tokens' | 'finish'> {
  readonly reply?: SealedReply;
  readonly checks?: readonly Check[];
}

export interface SealedReply {
  /** The exact body that was sealed. */
  readonly body: string;
  /** The gateway has neither texts nor opening, so the page keeps the receipt. */
  readonly receipt: SealedReceipt;
  /** Where the gateway tells the state of the reply. */
  readonly receiptPath: string;
}

/** Checks that take the chain: the list beside the answer names those that were skipped. The page itself checks the receipt's machine. */
const ALLOWED = [
  ...['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'],
  MACHINE_CHECK,
];

/** @throws EvidenceError, or Error for a policy that this page cannot apply. */
export function readPolicy(json: string): MachinePolicy {
  const policy = parsePolicy(new TextEncoder().encode(json));
  if (policy.imageList !== undefined)
    throw new Error('This page reads no list of images. Name the images in the policy, or use ogong ask --images.');
  return policy;
}

/**
 * Has a machine drawn, checks it by the policy, seals the question to it, and opens and checks the answer. A machine that the policy
 * refuses gets nothing, and no other check can take its place.
 * @throws SealedCallError, GatewayApiError, GatewayUnreachableError, ReceiptError without any check
 */
export async function askSealed(
  { baseUrl, key, body, policy: json, network, signal }: SealedQuestion,
  tell: (answer: AnswerSoFar) => void,
): Promise<OpenedAnswer> {
  const policy = readPolicy(json);
  // Browsers have the signatures of certificates in secure contexts only.
  if (!globalThis.isSecureContext) throw new Error('Nothing was sent: open this page by https, or on this computer.');
  const client = createClient({
    ...{ baseUrl, allow: ALLOWED, ...trustOf(network) },
    ...(key !== '' && { apiKey: key }),
    checkMachine: (machine) => checkMachine(machine, { crypto, policy, nowMs: Date.now() }),
  });
  const params = { ...body, stream: true, stream_options: { include_usage: true }, ogong: { sealed: true } } as const;
  let answer: AnswerSoFar = {
    text: '',
    reasoning: '',
    receiptPath: undefined,
    tokens: undefined,
    finish: undefined,
    pieces: 0,
  };
  const toAnswer = ({ text, reasoning, tokens, finish }: AnswerSoFar) => ({ text, reasoning, tokens, finish });
  try {
    const stream = await client.chat.completions.create(params, { signal });
    for await (const { choices, usage } of stream) {
      const delta = choices[0]?.delta;
      const isPiece = Boolean(delta?.content || delta?.reasoning_content);
      answer = {
        ...answer,
        text: answer.text + (delta?.content ?? ''),
        reasoning: answer.reasoning + (delta?.reasoning_content ?? ''),
        tokens: usage?.completion_tokens ?? answer.tokens,
        finish: choices[0]?.finish_reason ?? answer.finish,
        pieces: answer.pieces + (isPiece ? 1 : 0),
      };
      tell(answer);
    }
    const [reply] = stream.checked?.replies ?? [];
    if (reply === undefined) throw new ReceiptError('missing', 'the answer came without its receipt');
    return { ...toAnswer(answer), reply: keep(reply) };
  } catch (error) {
    if (error instanceof ReceiptError && error.checks.length > 0) return { ...toAnswer(answer), checks: error.checks };
    // An offer that does not hold has checks; a reply that does not open has none.
    const isOffer = error instanceof SealedCallError && (error.checks.length > 0 || error.code === 'unsupported');
    throw isOffer ? new Error(`Nothing was sent to this machine: ${error.message}`, { cause: error }) : error;
  }
}

const keep = ({ receipt, request, response, replyId }: CheckedReply): SealedReply => ({
  body: new TextDecoder().decode(request),
  receipt: { ...toReceiptJson(receipt), request: toBase64(request), response: toBase64(response) },
  receiptPath: formatPath(GATEWAY_ROUTES.receipt, { id: replyId }),
});

/** Without the chain nothing is known of the network, and the machine alone is checked before the question is sealed. */
function trustOf({ reader, deployment, ledger }: NetworkState): Pick<ClientOptions, 'trust' | 'readTrust'> {
  if (!reader || !deployment || !ledger) return {};
  const sources = { reader, deployment, ledger };
  return { ...createOfferTrust(sources), readTrust: (receipt) => readNetworkTrust(receipt, sources).catch(() => ({})) };
}
