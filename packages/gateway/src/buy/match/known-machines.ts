import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type EvidenceAnswer, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { type CheckedSealKey, type SignedSealKey, verifySealKey } from '@ogong/protocol/sealing/seal-key';
import type { Match } from './provider-match.ts';

/** Default time between two questions to a machine. A machine that fails loses its traffic after this time. */
export const MACHINE_ASKED_AGAIN_MS = 600_000;
const TIMEOUT_MS = 15_000;
const NONCE_BYTES = 32;
const NOTHING = new Uint8Array();

export interface MachineQuestions {
  readonly links: LinkPool;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ledger: LedgerDomain;
  /** Undefined if this gateway believes no machine. */
  readonly policy: MachinePolicy | undefined;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Finds the network's objection to a machine, see ChainView. Default: nothing. */
  readonly findMachineProblem?: ChainView['findMachineProblem'] | undefined;
}

/** A machine's answer to a question, with its seal key read. Nobody has checked the evidence yet. */
export interface MachineReply {
  readonly sealKey: CheckedSealKey;
  readonly signed: SignedSealKey;
  readonly attestedKey: Uint8Array;
  /** JSON. */
  readonly evidence: Uint8Array;
}

/**
 * Asks a provider's machine with a fresh nonce, before anything is sent to it.
 * @returns the seal key that the machine vouches for.
 * @throws ApiError if the policy rejects the machine; LinkError
 */
export async function askMachine(
  questions: MachineQuestions,
  match: Pick<Match, 'ticket'>,
  signal: AbortSignal,
): Promise<CheckedSealKey> {
  if (questions.policy === undefined)
    throw refuse('this gateway has no policy for machines (--machine-policy), so it believes none');
  const nonce = questions.randomBytes(NONCE_BYTES);
  const { sealKey } = await showMachine(questions, match, { nonce, signal });
  return sealKey;
}

/**
 * Asks a provider's machine with a client's nonce, for a client that checks the evidence itself. A gateway with a policy checks it too.
 * @throws ApiError if the machine names no keys, or the policy rejects it; LinkError
 */
export async function showMachine(
  { links, clock, ledger, policy, findMachineProblem }: Omit<MachineQuestions, 'randomBytes'>,
  { ticket }: Pick<Match, 'ticket'>,
  { nonce, signal }: { readonly nonce: Uint8Array; readonly signal: AbortSignal },
): Promise<MachineReply> {
  const { providerId } = ticket;
  const answer = await ask(links, ticket, { nonce, signal });
  const nowMs = clock.nowMs();
  const { sealKey: bytes = NOTHING, providerKey = NOTHING, signature = NOTHING } = answer.sealKey ?? {};
  const signed = { sealKey: bytes, providerKey, signature };
  let sealKey: CheckedSealKey;
  try {
    sealKey = verifySealKey(crypto, signed, { ledger, providerId, nowMs });
  } catch (cause) {
    if (!(cause instanceof SealError)) throw cause;
    throw refuse(`nothing can be sealed to the machine: ${cause.message}`, cause);
  }
  const { attestedKey, evidence } = answer;
  if (attestedKey.length !== NONCE_BYTES) throw refuse('the machine names no key');
  if (policy !== undefined) {
    const keys = { ledger, providerId, attestedKey, sealKeyHash: sealKey.hash };
    const { checkMachine } = await import('@ogong/attestation/machine-check');
    const [machine] = await checkMachine({ ...keys, evidence, nonce }, { crypto, policy, nowMs });
    if (machine?.status !== 'pass') throw refuse(`the provider's machine is refused: ${machine?.detail}`);
  }
  const problem = await findMachineProblem?.(providerId, attestedKey);
  if (problem !== undefined) throw refuse(`the provider's machine is refused: registry: ${problem}`);
  return { sealKey, signed, attestedKey, evidence };
}

async function ask(
  links: LinkPool,
  ticket: Match['ticket'],
  { nonce, signal }: { readonly nonce: Uint8Array; readonly signal: AbortSignal },
): Promise<EvidenceAnswer> {
  const peer = { endpoint: ticket.providerEndpoint, certHash: ticket.providerCertHash };
  try {
    return await links.to(ProviderService, peer).getEvidence({ nonce }, { timeoutMs: TIMEOUT_MS, signal });
  } catch (cause) {
    if (!(cause instanceof LinkError) || cause.refusal === undefined) throw cause;
    throw refuse(`the provider shows no evidence of its machine: ${cause.message}`, cause);
  }
}

/** The provider is not at fault for this order: another one is asked. */
const refuse = (why: string, cause?: unknown): ApiError =>
  new ApiError('provider_busy', `Nothing is sent: ${why}.`, { cause });
