import { equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import { type Check, check, fail, isOk, listSkipped, pass, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { findValidator } from '../../crypto/quorum.ts';
import { parseCandidates, parseModelId, roundContext } from '../../exchange/match.ts';
import { findMisrouting, isNamedList } from '../../exchange/misrouting.ts';
import { computeReplyId, type LedgerDomain } from '../../exchange/order.ts';
import type { Sort } from '../../exchange/preference.ts';
import { type Ticket, verifyTicket } from '../../exchange/ticket.ts';
import { SealError } from '../../sealing/seal-error.ts';
import { type CheckedSealKey, verifySealKey } from '../../sealing/seal-key.ts';
import { type CheckedValidatorSealKey, verifyValidatorSealKey } from '../../sealing/validator-seal-key.ts';
import type { SealedOffer } from '../../stage1/sealed-offer.ts';
import type { Trust } from '../../stage1/trust.ts';
import { MACHINE_CHECK, MAX_MACHINE_EVIDENCE_BYTES, type NamedKeys } from '../../tier/attestation.ts';
import { isAttestedTier } from '../../tier/registry.ts';
import { checkLedger, checkModelRoot, checkRouter, checkValidator } from './verify-receipt.ts';

/** The request that an offer must match. */
export interface AskedOffer {
  readonly model: string;
  /** The client fixes the nonce before it knows the possible providers. So nobody else chooses the draw. */
  readonly nonce: Uint8Array;
  /** The most tokens of prompt and reply. */
  readonly contextSize: number;
  /** Weights that were demanded; undefined for any weights under the model's name. */
  readonly modelRoot: Uint8Array | undefined;
  /** Undefined if the gateway may choose. */
  readonly sort: Sort | undefined;
  readonly maxPricePer1kAtomic: bigint | undefined;
  /** The least amount that an ejection of the provider takes, in whole tokens. Default: the gateway's choice. */
  readonly minHeldTokens?: bigint | undefined;
  /** The only providers that may be drawn. Empty: all. */
  readonly only: readonly Uint8Array[];
  readonly exclude: readonly Uint8Array[];
}

export interface SealedOfferVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Ids of skipped checks that were not allowed. */
  readonly missing: readonly string[];
  /** Present if the offer parses; worth nothing unless `ok`. */
  readonly offered?: {
    readonly replyId: Uint8Array;
    readonly ticket: Ticket;
    readonly sealKey: CheckedSealKey;
    /** Undefined if none is shown, or no set of validators is known to look its signer up in. */
    readonly validatorKey: CheckedValidatorSealKey | undefined;
    /** The machine that must pass the client's own policy before anything is sealed. Undefined in tiers without machines. */
    readonly machine: ClaimedMachine | undefined;
  };
}

/** A machine's evidence, and the keys and the nonce that it must name. */
export interface ClaimedMachine extends NamedKeys {
  /** JSON of docs/spec/machine-evidence.md. */
  readonly evidence: Uint8Array;
  /** The nonce that the client fixed for this offer. */
  readonly nonce: Uint8Array;
}

const ATTESTED_KEY_BYTES = 32;

/**
 * Verifies a sealed offer before a client seals a request for the provider in it (docs/spec/sealed-calls.md#offer). It checks
 * the draw, its router, its request, and the owner of the key. In a tier of attested machines `machine` is skipped and always
 * missing: the caller checks `offered.machine` with its own policy (`checkMachine` of `packages/attestation`).
 */
export function verifySealedOffer(
  crypto: Crypto,
  offer: SealedOffer,
  { asked, trust = {}, nowMs }: { readonly asked: AskedOffer; readonly trust?: Trust; readonly nowMs: number },
): SealedOfferVerdict {
  const { ledger, payer, validator, candidates } = offer;
  const { nonce } = asked;
  const replyId = computeReplyId(crypto, ledger, { payer, validator, nonce });
  const { bytes, publicKey, signature } = offer.ticket;
  const signed = { ticket: bytes, routerKey: publicKey, signature };
  const { ok: holds, checks: ticketChecks, ticket } = verifyTicket(crypto, signed, { nowMs, replyId });
  if (!holds || ticket === undefined) {
    const failed = ticketChecks.find(({ status }) => status === 'fail');
    return refuse(fail('ticket', failed?.detail ?? 'the ticket cannot be read'));
  }
  const list = checkList(crypto, { ticket, candidates }, asked);
  if (list.status === 'fail') return refuse(list);
  const sealKey = readSealKey(crypto, offer, { ticket, nowMs });
  if (!('key' in sealKey)) return refuse(sealKey);
  const validatorKey = readValidatorKey(crypto, offer, { trust, nowMs });
  if (validatorKey !== undefined && !('key' in validatorKey)) return refuse(validatorKey);
  const machine = readMachine(offer, { ticket, sealKey, nonce });
  if (machine !== undefined && 'status' in machine) return refuse(machine);
  const checks = [
    check('ticket', ticket.modelId === asked.model, [
      `a router drew provider ${toHex(ticket.providerId).slice(0, 16)} for this request`,
      `the ticket is for ${ticket.modelId}`,
    ]),
    list,
    checkRouter(crypto, offer, trust),
    checkLedger(offer, trust),
    checkValidator(offer, trust),
    checkModelRoot(crypto, trust, asked, ticket),
    pass('seal-key', `signed by the provider, until ${sealKey.expiresAtMs}`),
    ...(machine ? [skip(MACHINE_CHECK, 'its evidence takes a policy of the client')] : []),
  ];
  // An unchecked machine never gets a request, whatever the client allows for receipts.
  const { missing } = listSkipped(
    checks,
    trust.allow?.filter((id) => id !== MACHINE_CHECK),
  );
  return {
    ok: isOk(checks) && missing.length === 0,
    checks,
    missing,
    offered: { replyId, ticket, sealKey, validatorKey, machine },
  };
}

const refuse = (failed: Check): SealedOfferVerdict => ({ ok: false, checks: [failed], missing: [] });

/** Checks that the list is the ticket's, that the draw replays, and that both match the request. */
function checkList(
  crypto: Crypto,
  { ticket, candidates }: { readonly ticket: Ticket; readonly candidates: Uint8Array },
  asked: AskedOffer,
): Check {
  if (!isNamedList(crypto, { ticket, candidates }))
    return fail('match', 'the list is not the one that the ticket names');
  const problem = findMisrouting(crypto, { ticket, candidates }) ?? findUnasked({ ticket, candidates }, asked);
  return problem === undefined ? pass('match', 'the draw replays') : fail('match', problem);
}

function findUnasked(
  { ticket, candidates }: { readonly ticket: Ticket; readonly candidates: Uint8Array },
  { contextSize, modelRoot, sort, maxPricePer1kAtomic, minHeldTokens = 0n, only, exclude }: AskedOffer,
): string | undefined {
  const list = parseCandidates(candidates);
  const has = (ids: readonly Uint8Array[]): boolean => ids.some((id) => equalBytes(id, ticket.providerId));
  if (list.asked.contextSize !== roundContext(contextSize))
    return 'the draw is for another context than the request needs';
  if (sort !== undefined && list.asked.sort !== sort) return `the draw is by ${list.asked.sort}, and not by ${sort}`;
  if (maxPricePer1kAtomic !== undefined && ticket.pricePer1kAtomic > maxPricePer1kAtomic) {
    return `it costs ${ticket.pricePer1kAtomic} per 1,000 tokens, and ${maxPricePer1kAtomic} is the most`;
  }
  if (list.asked.minHeldTokens < minHeldTokens) {
    return `its providers have ${list.asked.minHeldTokens} OGONG to lose at least, and ${minHeldTokens} were asked for`;
  }
  if (modelRoot !== undefined && !equalBytes(ticket.modelRoot, modelRoot)) return 'other weights than were demanded';
  if (only.length > 0 && !has(only)) return 'it drew a provider that the request does not name';
  return has(exclude) ? 'it drew a provider that the request rules out' : undefined;
}

function readSealKey(
  crypto: Crypto,
  { ledger, sealKey: { bytes: sealKey, publicKey: providerKey, signature } }: SealedOffer,
  { ticket, nowMs }: { readonly ticket: Ticket; readonly nowMs: number },
): CheckedSealKey | Check {
  try {
    const { providerId } = ticket;
    return verifySealKey(crypto, { sealKey, providerKey, signature }, { ledger, providerId, nowMs });
  } catch (error) {
    if (error instanceof SealError || error instanceof ProtocolError) return fail('seal-key', error.message);
    throw error;
  }
}

/** Reads the machine of an offer. A tier of attested machines has one in each offer. */
function readMachine(
  { ledger, machine }: { readonly ledger: LedgerDomain } & Pick<SealedOffer, 'machine'>,
  { ticket, sealKey, nonce }: { readonly ticket: Ticket; readonly sealKey: CheckedSealKey; readonly nonce: Uint8Array },
): ClaimedMachine | Check | undefined {
  if (!isAttestedTier(parseModelId(ticket.modelId).tier)) return undefined;
  if (machine === undefined) return fail(MACHINE_CHECK, 'the offer shows no evidence of the machine');
  const { attestedKey, evidence } = machine;
  const isSized = attestedKey.length === ATTESTED_KEY_BYTES && evidence.length <= MAX_MACHINE_EVIDENCE_BYTES;
  if (!isSized) return fail(MACHINE_CHECK, 'the key or the evidence of the machine has a wrong size');
  return { ledger, providerId: ticket.providerId, attestedKey, sealKeyHash: sealKey.hash, evidence, nonce };
}

/** A gateway that showed a key of its own would read what is sealed to it. */
function readValidatorKey(
  crypto: Crypto,
  { ledger, validator, validatorKey }: SealedOffer,
  { trust, nowMs }: { readonly trust: Trust; readonly nowMs: number },
): CheckedValidatorSealKey | Check | undefined {
  const signingKey = trust.validators && findValidator(trust.validators, validator)?.signingKey;
  if (validatorKey === undefined || signingKey === undefined) return undefined;
  try {
    return verifyValidatorSealKey(crypto, validatorKey, { ledger, validator, signingKey, nowMs });
  } catch (error) {
    if (error instanceof SealError || error instanceof ProtocolError) return fail('seal-key', error.message);
    throw error;
  }
}
